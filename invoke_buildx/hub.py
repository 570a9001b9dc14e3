"""Whether Docker Hub, or what takes its place, can be reached, decided within five seconds."""

import threading
from functools import cache

from invoke_buildx.engine.machine import Machine

ADDRESS = "https://registry-1.docker.io"
SECONDS = 5.0


@cache
def hub_answers(address: str = ADDRESS) -> bool:
    """Whether the registry there answers; a name look-up that hangs counts as a no."""
    answers: list[bool] = []
    # A thread, since no time limit reaches into the resolver of the C library.
    asking = threading.Thread(target=lambda: answers.append(_ask(address)), daemon=True)
    asking.start()
    asking.join(SECONDS)
    return answers == [True]


def engine_has_mirror(machine: Machine) -> bool:
    """Whether the engine itself is set up to ask another host in place of Docker Hub."""
    config = machine.daemon.info().get("RegistryConfig") or {}
    return bool(config.get("Mirrors"))


def _ask(address: str) -> bool:
    # requests knows proxies and the system's certificates; imported late: 70 ms.
    import requests

    try:
        return requests.get(f"{address}/v2/", timeout=SECONDS).status_code in (200, 401)
    except requests.RequestException:
        return False
