"""What BuildKit refuses in a single instruction, beyond what its parser refuses.

Rules: BuildKit v0.25, frontend/dockerfile/instructions/parse.go. Flags of labs frontends are
let through, since a `# syntax=` line may ask for them.
"""

from collections.abc import Iterable

from e2b_dockerfile_utils import DockerfileInstruction

FLAGS = {
    "ADD": {"chown", "chmod", "link", "keep-git-dir", "checksum", "unpack", "exclude"},
    "COPY": {"chown", "from", "chmod", "link", "exclude", "parents"},
    "FROM": {"platform"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
    "RUN": {"mount", "network", "security", "device"},
}
REPEATABLE = {"exclude", "mount", "device"}
AT_LEAST_ONE = {"ARG", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "SHELL", "VOLUME"}
EXACTLY_ONE = {"MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"}
MOUNT_TYPES = {"bind", "cache", "tmpfs", "secret", "ssh"}
NETWORKS = {"default", "none", "host"}


def refusal(instruction: DockerfileInstruction) -> str | None:
    """Why BuildKit would not take this instruction, None if it would."""
    if instruction.name == "ONBUILD":
        return _onbuild_refusal(instruction.original)
    return _argument_refusal(instruction) or _flag_refusal(instruction.name, instruction.flags)


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


def _flag_refusal(name: str, flags: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for flag in flags:
        key, _, value = flag.removeprefix("--").partition("=")
        if key not in FLAGS.get(name, set()):
            return f"{name} knows no flag --{key}"
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
    if key != "mount":
        return None
    options = dict(part.partition("=")[::2] for part in value.split(","))
    kind = options.get("type", "bind").lower()
    if kind not in MOUNT_TYPES and "$" not in kind:
        return f"a mount of type '{kind}' is not known"
    if "$" in options.get("from", ""):
        return "a mount's from= cannot hold a variable; name a stage for it"
    needs_target = kind in ("bind", "cache", "tmpfs")
    if needs_target and not options.keys() & {"target", "dst", "destination"}:
        return f"a mount of type {kind} needs a target"
    return None
