"""Finding the Python that an environment was recorded with on this machine, or letting uv fetch it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from modelreg.environment.record import Python
from modelreg.errors import NotFoundError
from modelreg.install.installer import Installer
from modelreg.install.uv import Uv

_TIMEOUT = 20
"""Seconds that an interpreter has to say what it is."""

_ASKED = (
    "import sys, _imp; import platform; "
    "tags = [s for s in _imp.extension_suffixes() if 'abi3' not in s and s.count('.') > 1]; "
    "print(platform.python_version(), sys.implementation.name, tags[0].strip('.').rsplit('.', 1)[0] if tags else '-')"
)


class FoundPython(NamedTuple):
    """An interpreter of this machine, and what it is."""

    path: Path
    python: Python


def find_python(wanted: Python, installer: Installer, tell: Callable[[str], None]) -> FoundPython:
    """Return the interpreter to rebuild an environment with: the recorded version, else one of the same minor version.

    It is looked for among pyenv's, on the PATH, and among those that uv knows of; where there is none of the minor
    version, uv may fetch it. tell: is told when that is done.

    Raises:
        NotFoundError: there is none, and none can be fetched.
    """
    near: FoundPython | None = None
    for path in _candidates(wanted, installer):
        found = look(path)
        if found is None or not _serves(wanted, found.python):
            continue
        if found.python.version == wanted.version:
            return found
        near = near or found
    if near is not None:
        return near
    if isinstance(installer, Uv):
        tell(f"Asking uv to fetch Python {wanted.version}")
        fetched = installer.fetch_python(wanted.version)
        found = look(fetched) if fetched is not None else None
        if found is not None and _serves(wanted, found.python):
            return found
    name = f"Python {wanted.minor}" if wanted.implementation == "cpython" else f"{wanted.implementation} {wanted.minor}"
    raise NotFoundError(
        f"there is no {name} on this machine, and the model wants {wanted.version}; install it (uv python install "
        f"{wanted.version}, pyenv install {wanted.version}, or the system's own), or name one with --python"
    )


def look(path: Path) -> FoundPython | None:
    """Ask an interpreter what it is; None where it does not answer, as a shim of pyenv's for a version that is off."""
    try:
        done = subprocess.run(  # noqa: S603  # an interpreter of this machine, asked without its packages
            [str(path), "-I", "-S", "-c", _ASKED],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    words = done.stdout.split()
    if done.returncode or len(words) != 3:  # noqa: PLR2004  # version, implementation and tag
        return None
    version, implementation, tag = words
    return FoundPython(path, Python(version, implementation, None if tag == "-" else tag))


def _serves(wanted: Python, found: Python) -> bool:
    """Tell whether packages built for one run with the other: a debug or free-threaded build has another tag."""
    same_tag = not wanted.soabi or not found.soabi or wanted.soabi == found.soabi
    return (wanted.minor, wanted.implementation) == (found.minor, found.implementation) and same_tag


def _candidates(wanted: Python, installer: Installer) -> Iterator[Path]:
    """Yield executables that may be it, each once; the likeliest first, as each has to be asked."""
    seen: set[Path] = set()
    for path in _places(wanted, installer):
        real = path.resolve()
        if real not in seen and path.is_file():
            seen.add(real)
            yield path


def _places(wanted: Python, installer: Installer) -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path("~/.pyenv").expanduser()) / "versions"
    own = "python.exe" if os.name == "nt" else "bin/python"
    yield pyenv / wanted.version / own
    yield Path(sys.base_prefix) / own  # of the interpreter that runs this
    names = [f"python{wanted.minor}", "python3", "python"]
    if wanted.implementation == "pypy":
        names = [f"pypy{wanted.minor}", "pypy3", *names]
    suffix = ".exe" if os.name == "nt" else ""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    yield from (folder / f"{name}{suffix}" for name in names for folder in folders)
    if isinstance(installer, Uv):
        for version in (wanted.version, wanted.minor):
            found = installer.find_python(version)
            if found is not None:
                yield found
    yield from (folder / own for folder in sorted(pyenv.glob(f"{wanted.minor}.*"), reverse=True))
