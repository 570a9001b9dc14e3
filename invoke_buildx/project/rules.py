"""What BuildKit refuses in a single instruction, beyond what its parser refuses.

Rules: BuildKit v0.25, frontend/dockerfile/instructions/parse.go and bflag.go. They hold for all
stages, needed or not.
"""

import re
from collections.abc import Collection, Iterable

from e2b_dockerfile_utils import DockerfileInstruction

FLAGS = {
    "ADD": {"chown", "chmod", "link", "keep-git-dir", "checksum", "unpack", "exclude"},
    "COPY": {"chown", "from", "chmod", "link", "exclude"},
    "FROM": {"platform"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
    "RUN": {"mount", "network", "device"},
}
# Known to frontends that a `# syntax=` line may ask for.
LABS_FLAGS = {"COPY": {"parents"}, "RUN": {"security"}}
BOOLEAN_FLAGS = {"link", "keep-git-dir", "unpack", "parents"}
REPEATABLE = {"exclude", "mount", "device"}
AT_LEAST_ONE = {"ARG", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "SHELL", "VOLUME"}
EXACTLY_ONE = {"MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"}
_DURATION = re.compile(r"[-+]?(?:0|(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+")
NETWORKS = {"default", "none", "host"}


def refusal(instruction: DockerfileInstruction, *, labs: bool = False) -> str | None:
    """Why BuildKit would not take this instruction, None if it would.

    `labs` tells that the text asks for a frontend of its own, which may know more flags.
    """
    if instruction.name == "ONBUILD":
        return _onbuild_refusal(instruction.original)
    known = FLAGS.get(instruction.name, set()) | LABS_FLAGS.get(instruction.name, set())
    flags = known if labs else FLAGS.get(instruction.name, set())
    return _argument_refusal(instruction) or _flag_refusal(
        instruction.name, instruction.flags, flags
    )


def _argument_refusal(instruction: DockerfileInstruction) -> str | None:
    name, words = instruction.name, instruction.args
    first = words[0].upper() if words else ""
    rules = {
        f"{name} requires at least one argument": name in AT_LEAST_ONE and not words,
        f"{name} requires exactly one argument": name in EXACTLY_ONE and len(words) != 1,
        f"{name} requires a source and a destination": name in ("ADD", "COPY") and len(words) < 2,
        "SHELL requires its arguments in JSON form": name == "SHELL" and not instruction.json,
        "ARG requires a name": name == "ARG" and any(word[0] == "=" for word in words),
        f"HEALTHCHECK knows CMD and NONE, not '{first}'": name == "HEALTHCHECK"
        and first not in ("CMD", "NONE"),
        "HEALTHCHECK CMD needs a command": name == "HEALTHCHECK"
        and first == "CMD"
        and len(words) == 1,
        "HEALTHCHECK NONE takes no more words": name == "HEALTHCHECK"
        and first == "NONE"
        and len(words) > 1,
        "ENV names cannot be blank": name == "ENV" and "" in words[::3],
        "a volume cannot be empty": name == "VOLUME" and instruction.json and "" in words,
    }
    return next((message for message, broken in rules.items() if broken), None)


def _onbuild_refusal(line: str) -> str | None:
    words = line.split(maxsplit=2)
    trigger = words[1].upper() if len(words) > 1 else ""
    if not trigger:
        return "ONBUILD requires at least one argument"
    if trigger in ("ONBUILD", "FROM", "MAINTAINER"):
        return f"{trigger} is not allowed behind ONBUILD"
    return None


def _flag_refusal(name: str, flags: Iterable[str], known: Collection[str]) -> str | None:
    seen: set[str] = set()
    for flag in flags:
        key, equals, value = flag.removeprefix("--").partition("=")
        if key not in known:
            return f"{name} knows no flag --{key}"
        if not equals and key not in BOOLEAN_FLAGS:
            return f"the flag --{key} needs a value"
        if key in seen and key not in REPEATABLE:
            return f"the flag --{key} is given twice"
        seen.add(key)
        problem = _value_refusal(key, value)
        if problem:
            return problem
    return None


def _value_refusal(key: str, value: str) -> str | None:
    if key == "network" and value not in NETWORKS:
        return f"--network knows {', '.join(sorted(NETWORKS))}, not '{value}'"
    if key in BOOLEAN_FLAGS and value.lower() not in ("", "true", "false"):
        return f"--{key} is true or false, not '{value}'"
    if key in ("interval", "timeout", "start-period", "start-interval"):
        return None if _is_duration(value) else f"--{key} is a time such as 30s, not '{value}'"
    if key == "retries" and not value.isdecimal():
        return f"--retries is a number, not '{value}'"
    if key == "mount" and not value:
        return "a mount needs a target"
    return _from_refusal(value) if key == "mount" else None


def _is_duration(text: str) -> bool:
    """Whether Docker takes it: a duration of Go that is 0 or at least a millisecond."""
    if not _DURATION.fullmatch(text) or text.startswith("-"):
        return False
    return not re.search(r"\d(?:ns|us|µs)", text) or re.search(r"\d(?:ms|s|m|h)", text) is not None


def _from_refusal(mount: str) -> str | None:
    found = re.search(r"(?:^|,)from=[^,]*\$(?!,|$)", mount, re.IGNORECASE)
    return "a mount's from= cannot hold a variable; name a stage for it" if found else None
