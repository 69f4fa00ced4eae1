"""What installs packages: uv where there is one, else pip; both with the person's own settings of indexes."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from shutil import which
from typing import Protocol

from modelreg.environment.record import Environment
from modelreg.errors import NotFoundError, UsageError
from modelreg.install.served import Served

NAMES = ("uv", "pip")


class Installer(Protocol):
    """Makes environments and asks indexes. All of it raises what `modelreg.install.commands.run` does."""

    name: str

    def make(self, folder: Path, python: Path) -> None:
        """Make a virtual environment with this interpreter, in a folder that is empty or not there."""
        ...

    def install(self, python: Path, requirements: Sequence[str]) -> None:
        """Install exactly these, and nothing that they need, for the interpreter of a virtual environment."""
        ...

    def served(self, requirements: Sequence[str], environment: Environment) -> list[Served]:
        """Return what the person's indexes serve under exact requirements, for an environment's Python and platform.

        Nothing is installed, and no wheel is downloaded where the index tells its metadata.
        """
        ...

    def record_digests(self, wheels: Iterable[Served], environment: Environment) -> dict[str, str]:
        """Download one wheel each, check its sha256, and return its record digest (docs/format.md), by name."""
        ...


def find_installer(name: str | None = None) -> Installer:
    """Return the installer of this name; without one, uv where there is one, else pip.

    Raises:
        NotFoundError: there is none.
        UsageError: it has another name.
    """
    if name not in (None, *NAMES):
        raise UsageError(f"there is no installer {name}; there are {' and '.join(NAMES)}")
    if name != "pip":
        uv = _uv()
        if uv is not None:
            from modelreg.install.uv import Uv

            return Uv(uv)
    if name != "uv" and _has_pip():
        from modelreg.install.pip import Pip

        return Pip()
    wanted = name or "neither uv nor pip"
    raise NotFoundError(
        f"{wanted} is not there to ask an index or to install with; install one, as in pip install uv"
        if name
        else f"there is {wanted} to ask an index or to install with; put uv on the PATH, or pip into {sys.prefix}"
    )


def _uv() -> Path | None:
    """Find uv beside the interpreter that runs this, or on the PATH."""
    beside = Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv")
    if beside.is_file():
        return beside
    command = which("uv")
    return Path(command) if command else None


def _has_pip() -> bool:
    from importlib.util import find_spec

    return find_spec("pip") is not None
