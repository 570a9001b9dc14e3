"""Image references as the distribution project writes them, and builder names made of them."""

import hashlib
import re
from dataclasses import dataclass, replace

from invoke_buildx.errors import UsageError

# Grammar: github.com/distribution/reference, reference.go and regexp.go.
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?", re.ASCII)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*", re.ASCII)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(
    r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}", re.ASCII
)
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_IMAGE_ID = re.compile(r"[a-f0-9]{64}", re.ASCII)
LONGEST_PATH = 255
LONGEST_TAG = 128
HUB = "docker.io"
_BUILDER = re.compile(r"[a-z][a-z0-9._-]*", re.ASCII)
# The engine names the builder's container and volume after it, with 30 letters around.
LONGEST_BUILDER = 200


@dataclass(frozen=True)
class Reference:
    """An image's name: registry `host` (with port), `path`, and `tag` or `digest` or both."""

    host: str
    path: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def name(self) -> str:
        """The repository: host and path, without tag and digest."""
        return f"{self.host}/{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine, where plain HTTP is the rule."""
        return is_loopback(self.host)

    def canonical(self) -> "Reference":
        """The same image with the tag that Docker supplies where none is written."""
        return self if self.tag or self.digest else replace(self, tag="latest")


def parse_reference(text: str) -> Reference:
    """Read a reference as Docker does, Docker Hub being the host where none is written.

    Raises `UsageError` with the rule that the text breaks.
    """
    rest, at, digest = text.partition("@")
    host, rest = _split_host(rest)
    path, colon, tag = rest.partition(":")
    if host == HUB and path and "/" not in path:
        path = f"library/{path}"
    for problem in (
        host_problem(host),
        path_problem(path),
        tag_problem(tag) if colon else None,
        _digest_problem(digest) if at else None,
        "it looks like an image id" if _IMAGE_ID.fullmatch(text) else None,
    ):
        if problem:
            raise UsageError(f"'{text}' cannot be an image reference: {problem}.")
    return Reference(host, path, tag or None, digest or None)


def familiar(reference: Reference) -> str:
    """The short form that BuildKit looks named contexts up by (FamiliarString, no `:latest`)."""
    text = str(reference).removeprefix(f"{HUB}/").removeprefix("library/")
    return text.removesuffix(":latest")


def familiar_name(written: str) -> str:
    """The short form of a reference as somebody has written it."""
    return familiar(parse_reference(written).canonical())


def _split_host(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    named = any(mark in first for mark in ".:[") or first == "localhost" or first != first.lower()
    if slash and named:
        return (HUB if first == "index.docker.io" else first), rest
    return HUB, text


def is_loopback(host: str) -> bool:
    """Whether a registry host, with or without port, is this machine."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name in ("localhost", "[::1]") or re.fullmatch(r"127(\.\d{1,3}){3}", name) is not None


def host_problem(host: str) -> str | None:
    """What is wrong with a registry host, None when nothing is."""
    if _DOMAIN.fullmatch(host):
        return None
    return f"'{host}' is no host name with an optional port"


def path_problem(path: str) -> str | None:
    """What is wrong with a namespace or image name, None when nothing is."""
    if not path:
        return "the name is empty"
    if path != path.lower():
        return f"names must be lower case, such as '{path.lower()}'"
    if len(path) > LONGEST_PATH:
        return f"the name has {len(path)} characters, at most {LONGEST_PATH} are allowed"
    for component in path.split("/"):
        if not _COMPONENT.fullmatch(component):
            return f"'{component}' must be letters and digits, joined by '.', '_', '__' or dashes"
    return None


def tag_problem(tag: str) -> str | None:
    """What is wrong with a tag, None when nothing is."""
    if not tag:
        return "the tag is empty"
    if len(tag) > LONGEST_TAG:
        return f"the tag has {len(tag)} characters, at most {LONGEST_TAG} are allowed"
    if not _TAG.fullmatch(tag):
        return f"the tag '{tag}' must be letters, digits, '_', '.', '-', the first no '.' or '-'"
    return None


def _digest_problem(digest: str) -> str | None:
    algorithm, _, value = digest.partition(":")
    length = _DIGEST_LENGTHS.get(algorithm)
    if not _DIGEST.fullmatch(digest) or (length is not None and len(value) != length):
        return f"'{digest}' is no digest such as sha256:…"
    return None


def slug(text: str) -> str:
    """`debian:bookworm` -> `debian-bookworm`: any text as something that may stand in a tag."""
    return re.sub(r"[^a-z0-9_.-]+", "-", str(text).lower()).strip("-.")


def image_builder_name(reference: Reference) -> str:
    """The seed's builder of an image: `namespace__name__tag`."""
    image = reference.canonical()
    parts = [*image.path.split("/"), image.tag or str(image.digest)]
    return _builder_name(parts, str(image))


def project_builder_name(namespace: str) -> str:
    """The one builder of all images of a namespace."""
    return _builder_name(namespace.split("/"), namespace)


def _builder_name(parts: list[str], origin: str) -> str:
    """Join by `__`; where another origin could give the same name, a hash keeps them apart.

    A builder's name starts with a letter and may hold letters, digits, `.`, `_` and `-`;
    buildx makes it lower case (buildx store/util.go, ValidateName).
    """
    joined = "__".join(parts)
    name = re.sub(r"[^a-z0-9._-]", "_", joined.lower())
    ambiguous = any("__" in part or part.startswith("_") or part.endswith("_") for part in parts)
    plain = name == joined and not ambiguous
    if plain and _BUILDER.fullmatch(name) and len(name) <= LONGEST_BUILDER:
        return name
    short = hashlib.sha256(origin.encode()).hexdigest()[:8]
    start = name if name[:1].isalpha() else f"b_{name}"
    return f"{start[:LONGEST_BUILDER]}_{short}"
