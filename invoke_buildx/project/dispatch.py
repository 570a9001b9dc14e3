"""What BuildKit refuses in an instruction once its variables have values.

It carries out the stages that a build needs and looks at no others. Rules: BuildKit v0.25,
frontend/dockerfile/dockerfile2llb/convert.go, convert_expose.go, convert_runmount.go, and
frontend/dockerfile/instructions/commands_runmount.go.
"""

import csv
import re
import signal
from collections.abc import Callable, Mapping, Sequence

from e2b_dockerfile_utils import DockerfileInstruction

Expand = Callable[[str], str]
MOUNT_TYPES = {"bind", "cache", "tmpfs", "secret", "ssh"}
MOUNT_KEYS = {
    "type", "from", "source", "src", "target", "dst", "destination", "readonly", "ro",
    "readwrite", "rw", "required", "size", "id", "sharing", "mode", "uid", "gid", "env",
}  # fmt: skip
SAME_KEY = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
BARE_KEYS = {"readonly", "ro", "readwrite", "rw", "required"}
_BOOLEAN = re.compile(r"1|t|T|TRUE|true|True|0|f|F|FALSE|false|False")
_VALUES = {
    "readonly": _BOOLEAN,
    "readwrite": _BOOLEAN,
    "rw": _BOOLEAN,
    "required": _BOOLEAN,
    "size": re.compile(r"\d+(?:\.\d+)*\s?(?:[kmgtp]?i?b?)", re.IGNORECASE),
    "sharing": re.compile(r"shared|private|locked", re.IGNORECASE),
    "mode": re.compile(r"[0-7]+"),
    "uid": re.compile(r"\d+"),
    "gid": re.compile(r"\d+"),
}
_SYMBOLIC_MODE = re.compile(r"[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+")
_REMOTE = re.compile(r"https?://|git://|ssh://|git@[\w.-]+:|github\.com/")
_PORT = re.compile(r"(?:(?:(?P<ip>.*):)?(?P<host>[^:]*):)?(?P<range>[^:/]+)(?:/(?P<proto>.*))?")
_SIGNALS = {found.name.removeprefix("SIG") for found in signal.Signals} | {"CLD", "STKFLT"}
_PLATFORM_WORDS = {
    "aix", "android", "darwin", "freebsd", "illumos", "ios", "js", "linux", "netbsd", "openbsd",
    "plan9", "solaris", "wasip1", "windows", "dragonfly", "386", "amd64", "arm", "arm64", "loong64",
    "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm", "i386",
    "x86_64", "x86-64", "aarch64", "armhf", "armel", "local",
}  # fmt: skip


def dispatch_refusal(
    instruction: DockerfileInstruction, expand: Expand, *, labs: bool = False
) -> str | None:
    """Why BuildKit would not carry this out, None if it would. Raises what `expand` does.

    `labs` tells that the text asks for a frontend of its own, which may know more.
    """
    if not labs and any(flag.startswith("--device") for flag in instruction.flags):
        return "RUN --device is known to labs frontends only"
    judge = _JUDGES.get(instruction.name)
    return judge(instruction, expand) if judge else None


def platform_refusal(platform: str) -> str | None:
    """Why BuildKit knows no such platform, None if it does."""
    parts = platform.lower().split("/")
    if not platform:
        return "the platform is empty"
    known = len(parts) > 1 or parts[0] in _PLATFORM_WORDS
    if len(parts) <= 3 and known and all(re.fullmatch(r"[a-z0-9_.()-]+", part) for part in parts):
        return None
    return f"'{platform}' is no platform such as linux/amd64"


def mount_fields(flag: str) -> list[tuple[str, str | None]]:
    """The keys of a `--mount=…` with their values, None where a key stands alone."""
    [fields] = list(csv.reader([flag.partition("=")[2]], strict=True)) or [[]]
    pairs = (field.partition("=") for field in fields)
    return [(key.lower(), value if equals else None) for key, equals, value in pairs]


def _copy(instruction: DockerfileInstruction, expand: Expand) -> str | None:
    words = [expand(word) for word in copy_words(instruction)]
    flags = dict(flag[2:].partition("=")[::2] for flag in instruction.flags)
    if "checksum" in flags:
        if len(words) != 2:
            return "--checksum goes with one source only"
        if not _REMOTE.match(words[0]):
            return "--checksum goes with an address only"
    return _mode_refusal(expand(flags.get("chmod", "")))


def copy_words(instruction: DockerfileInstruction) -> Sequence[str]:
    """Sources and destination; outside JSON, quotes do not keep words together."""
    words: Sequence[str] = instruction.args
    return words if instruction.json else " ".join(words).split()


def _mode_refusal(mode: str) -> str | None:
    octal = re.fullmatch(r"[0-7]+", mode) and int(mode, 8) <= 0o7777
    symbolic = all(_SYMBOLIC_MODE.fullmatch(part) for part in mode.split(","))
    return None if not mode or octal or symbolic else f"--chmod cannot be '{mode}'"


def _expose(instruction: DockerfileInstruction, expand: Expand) -> str | None:
    for word in instruction.args:
        for port in expand(word).split():
            if not _is_port(port):
                return f"'{port}' is no port such as 80, 8000-8010 or 53/udp"
    return None


def _is_port(text: str) -> bool:
    found = _PORT.fullmatch(text)
    if not found or (found["proto"] or "tcp").lower() not in ("tcp", "udp", "sctp"):
        return False
    return _is_range(found["range"]) and (not found["host"] or _is_range(found["host"]))


def _is_range(text: str) -> bool:
    ends = text.split("-")
    if len(ends) > 2 or not all(end.isascii() and end.isdecimal() for end in ends):
        return False
    return 0 <= int(ends[0]) <= int(ends[-1]) <= 65535


def _signal(instruction: DockerfileInstruction, expand: Expand) -> str | None:
    text = expand(" ".join(instruction.args))
    name = text.upper().removeprefix("SIG")
    if re.fullmatch(r"-?\d+", text):
        return None if int(text) else "there is no signal 0"
    known = name in _SIGNALS or re.fullmatch(r"RTMIN\+(\d|1[0-5])|RTMAX-(\d|1[0-4])", name)
    return None if known else f"there is no signal '{text}'"


def _volume(instruction: DockerfileInstruction, expand: Expand) -> str | None:
    empty = any(not expand(word) for word in instruction.args)
    return "a volume cannot be empty" if empty else None


def _words(instruction: DockerfileInstruction, expand: Expand) -> None:
    for word in instruction.args:
        expand(word)


def _run(instruction: DockerfileInstruction, expand: Expand) -> str | None:
    if instruction.json and not instruction.args:
        return "RUN requires a command"
    for flag in instruction.flags:
        if flag.startswith("--mount="):
            problem = _mount_refusal(mount_fields(flag), expand)
            if problem:
                return problem
    return None


def _mount_refusal(fields: Sequence[tuple[str, str | None]], expand: Expand) -> str | None:
    values: dict[str, str] = {}
    for key, value in fields:
        if key not in MOUNT_KEYS:
            return f"a mount knows no '{key}'"
        if value is None and key not in BARE_KEYS:
            return f"a mount's '{key}' needs a value"
        name, text = SAME_KEY.get(key, key), "true" if value is None else expand(value)
        if name in _VALUES and not _VALUES[name].fullmatch(text):
            return f"a mount's {key} cannot be '{text}'"
        values[name] = text
    kind = values.get("type", "bind").lower()
    if kind not in MOUNT_TYPES:
        return f"a mount of type '{kind}' is not known"
    return _kind_refusal(kind, values)


def _kind_refusal(kind: str, values: Mapping[str, str]) -> str | None:
    """What does not go together in a mount of that type."""
    rules = {
        "target": kind in ("bind", "cache", "tmpfs") and values.get("target", "") in ("", "/"),
        "size": "size" in values and kind != "tmpfs",
        "required": "required" in values and kind not in ("secret", "ssh"),
        "sharing": "sharing" in values and kind != "cache",
        "from": bool(values.get("from")) and kind in ("secret", "ssh"),
        "mode, uid or gid": bool(values.keys() & {"mode", "uid", "gid"})
        and kind not in ("secret", "ssh", "cache"),
        "id": kind == "secret" and not values.keys() & {"source", "target", "id"},
    }
    wrong = next((name for name, broken in rules.items() if broken), None)
    needed = {"target": "needs a target", "id": "needs an id or a target"}
    return f"a mount of type {kind} {needed.get(wrong, f'takes no {wrong}')}" if wrong else None


_JUDGES: Mapping[str, Callable[[DockerfileInstruction, Expand], str | None]] = {
    "ADD": _copy,
    "COPY": _copy,
    "EXPOSE": _expose,
    "LABEL": _words,
    "RUN": _run,
    "STOPSIGNAL": _signal,
    "USER": _words,
    "VOLUME": _volume,
    "WORKDIR": _words,
}
