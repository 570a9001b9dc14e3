"""Platforms as BuildKit names them, and the build args that it derives from them."""

import os

# The kernel's names on the left; others are the same in both worlds.
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm/v7",
    "armv6l": "arm/v6",
    "i686": "386",
    "i386": "386",
}


def own_platform() -> str:
    """The platform of this machine, such as `linux/amd64`."""
    machine = os.uname().machine  # as the module `platform` says it, without its 2 ms
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def platform_args(target: str | None) -> dict[str, str]:
    """What a Dockerfile may use before its first FROM without declaring it.

    `target` is the platform to build for, None for the machine's own.
    """
    own = own_platform()
    return {**_args("TARGET", target or own), **_args("BUILD", own)}


def _args(prefix: str, name: str) -> dict[str, str]:
    system, _, rest = name.partition("/")
    architecture, _, variant = rest.partition("/")
    values = {"PLATFORM": name, "OS": system, "ARCH": architecture, "VARIANT": variant}
    return {prefix + key: value for key, value in values.items()}
