"""Which registries a project uses on this machine and elsewhere, and how each is reached."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.hub import hub_answers
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import is_loopback
from invoke_buildx.project.settings import RegistrySettings, Settings
from invoke_buildx.service import (
    Service,
    ServiceState,
    delete_data,
    ensure_service,
    port_of,
    refuse_data_of_others,
    remove_outdated,
    service_state,
    stop_service,
)

FILES = "/etc/invoke-buildx"  # where a registry's container finds what the settings name
# It remembers which blobs it has, and does not write down each request.
QUICK = {
    "LOG_ACCESSLOG_DISABLED": "true",
    "LOG_LEVEL": "warn",
    "STORAGE_CACHE_BLOBDESCRIPTOR": "inmemory",
}


def local_registry(project: Project) -> str:
    """`localhost:PORT`: where images are delivered and bases are mirrored on this machine."""
    registry = project.settings.registry
    return registry if is_loopback(registry) else f"localhost:{project.settings.local.port}"


def cache_registry(project: Project) -> str | None:
    """`localhost:PORT` of the cache of Docker Hub, if the project wants one."""
    port = project.settings.cache.port
    return f"localhost:{port}" if port else None


def mirrors(project: Project) -> list[str]:
    """Where builders look for an image of Docker Hub before they ask Docker Hub itself."""
    return [local_registry(project), *filter(None, [cache_registry(project)])]


def quick_mirrors(project: Project) -> Iterator[str]:
    """Those of them that answer at once; a cache that cannot ask Docker Hub takes 30 seconds."""
    yield local_registry(project)
    cache = cache_registry(project)
    if cache and hub_answers(project.settings.cache.remote):
        yield cache


def registry_at(project: Project, machine: Machine, host: str) -> Registry:
    """A registry as the project's settings say it is reached."""
    return Registry(host, machine.environ, access_to(project, host))


def access_to(project: Project, host: str) -> RegistrySettings | None:
    """What the settings say of reaching a host, its files as full paths."""
    access = project.settings.registries.get(host)
    local = project.settings.local
    if access is None and local.cert and host == local_registry(project):
        access = RegistrySettings(ca=local.cert)  # one that has signed itself
    if access is None:
        return None
    ca, cert, key = (
        str(_path(project, path)) if path else None for path in (access.ca, access.cert, access.key)
    )
    return replace(access, ca=ca, cert=cert, key=key)


def reached(project: Project) -> dict[str, RegistrySettings]:
    """The registries that are not reached as usual, by host."""
    hosts = dict.fromkeys([*project.settings.registries, local_registry(project)])
    found = {host: access_to(project, host) for host in hosts}
    return {host: access for host, access in found.items() if access}


def services(project: Project) -> list[Service]:
    """The registries that we run for this project: the local one, and the cache if wanted."""
    cache = cache_service(project)
    return [local_service(project), *([cache] if cache else [])]


def local_service(project: Project) -> Service:
    """The local registry as the settings want it."""
    local, host = project.settings.local, local_registry(project)
    files: dict[str, Path] = {}
    environ = {"STORAGE_DELETE_ENABLED": "true", **QUICK}
    if local.htpasswd:
        files[f"{FILES}/htpasswd"] = _path(project, local.htpasswd)
        environ |= {"AUTH": "htpasswd", "AUTH_HTPASSWD_REALM": host}
        environ |= {"AUTH_HTPASSWD_PATH": f"{FILES}/htpasswd"}
    if local.cert:
        files[f"{FILES}/cert.pem"] = _path(project, local.cert)
        files[f"{FILES}/key.pem"] = _path(project, local.key or local.cert)
        environ |= {"HTTP_TLS_CERTIFICATE": f"{FILES}/cert.pem"}
        environ |= {"HTTP_TLS_KEY": f"{FILES}/key.pem"}
    folder = _path(project, local.folder) if local.folder else None
    name = f"invoke-buildx-registry-{port_of(host)}"
    return Service(host, name, folder, files, environ, tls=bool(local.cert))


def cache_service(project: Project) -> Service | None:
    """The cache of Docker Hub as the settings want it: what builders pull goes through it once."""
    host = cache_registry(project)
    if host is None:
        return None
    environ = {"PROXY_REMOTEURL": project.settings.cache.remote, **QUICK}
    name = f"invoke-buildx-cache-{port_of(host)}"
    return Service(host, name, environ=environ, upstream=project.settings.cache.remote)


def registry_state(project: Project, machine: Machine) -> ServiceState:
    """Whether the local registry runs, and whether it is ours."""
    return service_state(local_service(project), machine)


def ensure_registry(project: Project, machine: Machine) -> bool:
    """Start the local registry, and the cache, unless they answer; True if one was started.

    Raises `EngineError` when something else holds the port.
    """
    started = [
        ensure_service(one, project.namespace, machine)
        for one in services(project)
        if not one.upstream or _can_start(one, machine)
    ]
    return any(started)


def renew_registry(project: Project, machine: Machine) -> bool:
    """Remove the containers that were started otherwise than the settings say now."""
    removed = [remove_outdated(one, machine) for one in services(project)]
    return any(removed)


def stop_registry(project: Project, machine: Machine) -> bool:
    """Remove the containers of the local registry and the cache, keep their data."""
    stopped = [stop_service(one, machine) for one in services(project)]
    return any(stopped)


def delete_registry_data(project: Project, machine: Machine) -> None:
    """Remove the data of the local registry and the cache."""
    for one in services(project):
        delete_data(one, machine)


def refuse_registry_data_of_others(project: Project, machine: Machine) -> None:
    """Raise `EngineError` where that data is not ours to remove."""
    for one in services(project):
        refuse_data_of_others(one, machine)


def delivers_through_registry(settings: Settings) -> bool:
    """Whether images go through the local registry: the builder must see this machine's ports."""
    return settings.delivery == "registry" and settings.builder.network == "host"


def _can_start(cache: Service, machine: Machine) -> bool:
    """A cache only starts while it reaches what it caches; builds can do without it."""
    if service_state(cache, machine).state in ("running", "foreign"):
        return True
    if machine.shell.dry or hub_answers(cache.upstream):
        return True
    machine.shell.say(f"{cache.upstream} does not answer, so its cache is not started.")
    return False


def _path(project: Project, path: str) -> Path:
    """A path of the settings: relative to the project, or in a home folder."""
    return project.root / Path(path).expanduser()
