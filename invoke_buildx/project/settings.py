"""What invoke.yaml and the environment say under the key `buildx`, as frozen dataclasses."""

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal

from invoke_buildx.errors import SettingsError, nearest
from invoke_buildx.project.reference import host_problem, is_loopback, path_problem, slug

ROOT = "buildx"
PREFIX = "INVOKE_BUILDX_"
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")
# The names of a source of settings and what it says, the strongest first.
Sources = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class ImageSettings:
    """One entry under `images`; the keys after `exclude` mean what compose's `build:` means."""

    tag: str = "latest"
    vars: Mapping[str, Any] = field(default_factory=dict)
    matrix: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    exclude: tuple[Mapping[str, Any], ...] = ()
    args: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    platforms: tuple[str, ...] = ()
    context: str = "."
    labels: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    network: str | None = None
    extra_hosts: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuilderSettings:
    """Where images are built: `scope` is one builder a project, or the seed's one an image."""

    driver: Literal["docker-container", "docker"] = "docker-container"
    scope: Literal["project", "image"] = "project"
    network: str = "host"
    config: str | None = None


@dataclass(frozen=True)
class RunSettings:
    """How a container is started; `workspace` is where the current folder appears in it."""

    network: str = "host"
    workspace: str = "/workspace"


@dataclass(frozen=True)
class LocalSettings:
    """The registry on this machine.

    Its port in the case that `registry` names another host, a folder for its data in place of a
    volume, who may use it, its certificate.
    """

    port: int = 5000
    folder: str | None = None
    htpasswd: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class CacheSettings:
    """A second registry on this machine that keeps what builds pull from Docker Hub."""

    port: int | None = None
    remote: str = "https://registry-1.docker.io"


@dataclass(frozen=True)
class RegistrySettings:
    """How to reach a registry: without TLS, by a CA of its own, with a certificate of ours."""

    http: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Settings:
    """Everything under `buildx`; `default` is the image of tasks that are given none."""

    registry: str = "localhost:5000"
    namespace: str | None = None
    default: str | None = None
    delivery: Literal["registry", "load"] = "registry"
    compression: Literal["zstd", "gzip"] = "zstd"
    provenance: bool = False
    builder: BuilderSettings = field(default_factory=BuilderSettings)
    run: RunSettings = field(default_factory=RunSettings)
    local: LocalSettings = field(default_factory=LocalSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    registries: Mapping[str, RegistrySettings] = field(default_factory=dict)
    images: Mapping[str, ImageSettings] = field(default_factory=dict)


def read_settings(
    data: Mapping[str, Any], sources: Sources, folder_name: str, environ: Mapping[str, str]
) -> Settings:
    """Settings from Invoke's merged configuration and the `INVOKE_BUILDX_…` variables.

    Invoke itself would read such a variable only for keys that a file sets, and takes `false`
    for true. `sources` serve to name the file that holds a bad key; `folder_name` becomes the
    namespace where none is set. Raises `SettingsError` with every problem, one a line.
    """
    variables = {key: value for key, value in environ.items() if key.startswith(PREFIX)}
    reader = _Reader(sources, variables)
    settings: Settings = reader.read(Settings, data, (ROOT,))
    if settings.namespace is None:
        settings = replace(settings, namespace=slug(folder_name).strip("._") or "images")
    reader.problems += [*_unknown_variables(variables), *_name_problems(settings, reader)]
    if reader.problems:
        raise SettingsError("\n".join(reader.problems))
    return settings


def _unknown_variables(variables: Mapping[str, str]) -> Iterator[str]:
    known = set(_variables(Settings, (ROOT,)))
    for name in variables:
        if name not in known and not name.startswith(f"{PREFIX}IMAGES_"):
            yield f"environment: {name} is no setting.{nearest(name, known)}"


def _variables(kind: type, path: tuple[str, ...]) -> Iterator[str]:
    """The environment variables that set scalar keys."""
    for name, hint in _hints(kind).items():
        if is_dataclass(hint):
            yield from _variables(typing.cast("type", hint), (*path, name))
        elif typing.get_origin(hint) not in (Mapping, tuple):
            yield _variable((*path, name))


def _variable(path: tuple[str, ...]) -> str:
    return "INVOKE_" + "_".join(path).upper()


def _name_problems(settings: Settings, reader: "_Reader") -> Iterator[str]:
    for key, problem in (
        ("registry", host_problem(settings.registry)),
        ("namespace", path_problem(settings.namespace or "")),
        ("local.port", _port_problem(settings.local.port)),
        ("cache.port", _port_problem(settings.cache.port or 1)),
        ("cache.port", "is the local registry's port" if _is_taken(settings) else None),
        ("cache.remote", _address_problem(settings.cache.remote)),
        ("local.key", "needs local.cert" if settings.local.key and not settings.local.cert else ""),
        *((f"registries.{host}", host_problem(host)) for host in settings.registries),
        *((f"images.{name}", path_problem(name)) for name in settings.images),
    ):
        if problem:
            yield reader.sentence((ROOT, *key.split(".", 1)), problem)


def _is_taken(settings: Settings) -> bool:
    """Whether the cache would listen where the local registry does."""
    port = settings.cache.port
    if is_loopback(settings.registry):
        return settings.registry.endswith(f":{port}")
    return settings.local.port == port


def _port_problem(port: int) -> str | None:
    return None if 0 < port < 65536 else "is no port number"


def _address_problem(address: str) -> str | None:
    scheme, _, host = address.partition("://")
    if scheme not in ("http", "https") or not host:
        return "must be an address such as https://registry-1.docker.io"
    # It would be seen in the container's settings by whoever may use the engine.
    return "must not hold a password" if "@" in host else None


class _Reader:
    """Turns nested dictionaries into dataclasses, and collects what is wrong with them."""

    def __init__(self, sources: Sources, variables: Mapping[str, str]) -> None:
        self.sources = sources
        self.variables = variables
        self.problems: list[str] = []

    def read(self, kind: Any, data: Any, path: tuple[str, ...]) -> Any:
        if not isinstance(data, Mapping):
            self._report(path, f"must be a section of keys, not {_describe(data)}")
            return kind()
        hints = _hints(kind)
        for key in data:
            if str(key) not in hints:
                self._report((*path, str(key)), f"is no setting.{nearest(str(key), hints)}")
        given = {
            name: self.variables.get(_variable((*path, name)), data.get(name)) for name in hints
        }
        sections = {name for name in hints if is_dataclass(hints[name])}
        values = {
            name: self._value(hints[name], {} if value is None else value, (*path, name))
            for name, value in given.items()
            if value is not None or name in sections
        }
        return kind(**{name: value for name, value in values.items() if value is not MISSING})

    def _value(self, hint: Any, value: Any, path: tuple[str, ...]) -> Any:
        if is_dataclass(hint):
            return self.read(hint, value, path)
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is types.UnionType:
            return self._value(arguments[0], value, path)
        if origin is Literal:
            return self._choice(arguments, value, path)
        if origin is tuple:
            return self._list(arguments[0], value, path)
        if origin is Mapping:
            return self._mapping(arguments[1], value, path)
        return self._scalar(hint, value, path)

    def _choice(self, known: tuple[str, ...], value: Any, path: tuple[str, ...]) -> Any:
        if value in known:
            return value
        choices = " or ".join(known)
        return self._report(path, f"must be {choices}, not '{value}'.{nearest(str(value), known)}")

    def _list(self, hint: Any, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        if not isinstance(value, list | tuple):
            return self._report(path, f"must be a list, not {_describe(value)}")
        items = [self._value(hint, item, (*path, str(i))) for i, item in enumerate(value)]
        return tuple(item for item in items if item is not MISSING)

    def _mapping(self, hint: Any, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, list | tuple) and all("=" in str(item) for item in value):
            value = dict(str(item).split("=", 1) for item in value)
        if not isinstance(value, Mapping):
            return self._report(path, f"must be a section of keys, not {_describe(value)}")
        entries = {
            str(key): self._value(hint, {} if item is None else item, (*path, str(key)))
            for key, item in value.items()
        }
        return {key: item for key, item in entries.items() if item is not MISSING}

    def _scalar(self, hint: Any, value: Any, path: tuple[str, ...]) -> Any:
        if hint is Any:
            return value
        if hint is str and isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)
        if hint is str and isinstance(value, bool) and path[-2:-1] in (("args",), ("labels",)):
            return str(value).lower()
        if hint is int and str(value).isdecimal():
            return int(value)
        if hint is bool and str(value).lower() in (*TRUE, *FALSE):
            return str(value).lower() in TRUE
        names = {str: "a text", int: "a whole number", bool: "true or false"}
        return self._report(path, f"must be {names[hint]}, not {_describe(value)}")

    def _report(self, path: tuple[str, ...], problem: str) -> Any:
        self.problems.append(self.sentence(path, problem))
        return MISSING

    def sentence(self, path: tuple[str, ...], problem: str) -> str:
        """`invoke.yaml: buildx.registry must be …`."""
        return f"{self._source(path)}: {'.'.join(path)} {problem}"

    def _source(self, path: tuple[str, ...]) -> str:
        if _variable(path) in self.variables:
            return f"environment ({_variable(path)})"
        for name, data in self.sources:
            if _holds(data, path):
                return name
        return "settings"


def _holds(data: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if isinstance(data, list | tuple):
            return True
        if not isinstance(data, Mapping) or data.get(key) is None:
            return False
        data = data[key]
    return True


def _hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind)}


def _describe(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a section of keys"
    if isinstance(value, list | tuple):
        return "a list"
    return f"'{value}'"
