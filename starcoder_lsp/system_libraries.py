"""Libraries of the operating system that the engines' wheels need, and the command that installs them.

llama.cpp's wheel for Linux links to GNU OpenMP (`libgomp.so.1`), which desktops have and bare machines lack (minimal
Debian, `python:3-slim`). Standard library only: `make` runs this file before anything is installed.

    python3 -m starcoder_lsp.system_libraries    prints the command, or nothing if nothing is missing
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEEDED: Final = ("libgomp.so.1",)
_PACKAGES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "debian": ("apt-get update && apt-get install -y", {"libgomp.so.1": "libgomp1", "libstdc++.so.6": "libstdc++6"}),
    "fedora": ("dnf install -y", {"libgomp.so.1": "libgomp", "libstdc++.so.6": "libstdc++"}),
    "suse": ("zypper install -y", {"libgomp.so.1": "libgomp1", "libstdc++.so.6": "libstdc++6"}),
    "arch": ("pacman -S --noconfirm", {"libgomp.so.1": "gcc-libs", "libstdc++.so.6": "gcc-libs"}),
}
"""By family: the command that installs packages, and the package of each library."""


def missing_libraries() -> list[str]:
    """Return the needed libraries that this system's loader does not find; none outside Linux."""
    return [name for name in _NEEDED if not _is_there(name)] if sys.platform == "linux" else []


def _is_there(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install_command(library: str, release: Mapping[str, str], *, root: bool) -> str | None:
    """Return the command that installs `library` here; None where it is not known.

    `release` is what os-release(5) says: `ID` and `ID_LIKE` name the family. `root`: sudo is not needed.
    """
    names = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".replace("rhel", "fedora").split()
    family = next((one for one in _PACKAGES if any(one in name for name in names)), None)
    if family is None or library not in _PACKAGES[family][1]:
        return None
    install, packages = _PACKAGES[family]
    steps = f"{install} {packages[library]}".split(" && ")
    return " && ".join(steps if root else (f"sudo {step}" for step in steps))


def explain(error: ImportError) -> str:
    """Return why a native library could not be loaded, and what to do, as sentences for a user."""
    found = re.match(r"(lib[\w+.-]+): cannot open shared object file", str(error))
    if found is not None:
        command = _here(found[1])
        remedy = f"Install it: {command}" if command else "Install the package of your system that has it"
        return f"The system library {found[1]}, which llama.cpp needs, is missing. {remedy}"
    if sys.platform == "win32" and "DLL load failed" in str(error):
        return (
            f"llama.cpp could not be loaded: {error} It needs Microsoft's Visual C++ Redistributable (x64): "
            "winget install Microsoft.VCRedist.2015+.x64"
        )
    return f"llama.cpp could not be loaded: {error}. Install this server again, with its dependencies."


def _here(library: str) -> str | None:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return install_command(library, release, root=hasattr(os, "geteuid") and os.geteuid() == 0)


if __name__ == "__main__":
    for one in missing_libraries():
        sys.stdout.write(f"{_here(one) or f'install the package that has {one}'}\n")
