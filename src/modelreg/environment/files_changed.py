"""Which files of a package are not as they were installed, by the digests in its RECORD (PEP 376, PEP 627)."""

import csv
import hashlib
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from modelreg.environment.record import Package
from modelreg.parallel import ahead

_PIECE = 256 * 1024
_ALGORITHMS = frozenset({"sha256", "sha384", "sha512"})
_BY_INSTALLER = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"})
_MANAGED = {"conda": "conda changes files when it installs them", "distribution": "the system's own packages have it"}
_KINDS = ("changed", "missing", "unread")
_MODULES = (".py", ".so", ".pyd")
_BATCH = 200  # files that one thread takes at a time
_WIDTH = min(4, os.cpu_count() or 1)


class FilesChanged(NamedTuple):
    """What became of the files of one package, by their paths in its RECORD.

    unread: those that are there and cannot be read. hiding: files that were added, and that an import finds in place of
    a module. checked: how many were looked at.
    unchecked: why none could be checked, or None. managed: that is so because another tool looks after them.
    """

    package: str
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    hiding: tuple[str, ...] = ()
    checked: int = 0
    unchecked: str | None = None
    managed: bool = False


class _Listed(NamedTuple):
    path: str
    algorithm: str
    digest: str
    size: int | None


def files_changed(packages: Iterable[Package], places: Mapping[str, str]) -> Iterator[FilesChanged]:
    """Yield for each package which of its files were changed or are missing since it was installed.

    Bytecode and what lies outside the folder of packages (scripts) are left out. Packages that conda or the system
    installed have been changed by those, and are not read. places: the metadata of each package on this machine.
    """
    for package in packages:
        kind = package.origin.kind if package.origin is not None else None
        if kind in _MANAGED:
            yield FilesChanged(package.name, unchecked=_MANAGED[kind], managed=True)
        elif kind == "editable":
            yield FilesChanged(package.name, unchecked="it is editable, so its files are whatever they are now")
        elif package.name not in places:
            yield FilesChanged(package.name, unchecked="where it lies is not known")
        else:
            yield _of(package.name, Path(places[package.name]))


def is_same_in(place: Path, folder: Path, top: str) -> bool:
    """Tell whether the files of a package's module `top` lie in another folder, too, just as they were installed.

    place: the package's metadata, whose RECORD lists them; where it does not, they are not known to be the same.
    """
    try:
        listed = [one for one in _listed(place) if one.path.partition("/")[0].partition(".")[0] == top]
    except (OSError, ValueError, csv.Error):
        return False
    return bool(listed) and not any(_compared(folder, listed))


def _of(name: str, place: Path) -> FilesChanged:
    try:
        listed = list(_listed(place))
    except (OSError, ValueError, csv.Error):
        listed = []
    if not listed:
        return FilesChanged(name, unchecked="it has no RECORD that says what was installed")
    batches = (listed[start : start + _BATCH] for start in range(0, len(listed), _BATCH))
    found = [one for some in ahead(lambda batch: list(_compared(place.parent, batch)), batches, _WIDTH) for one in some]
    changed, missing, unread = (tuple(path for path, what in found if what == kind) for kind in _KINDS)
    return FilesChanged(name, changed, missing, unread, tuple(_hiding(place, listed)), len(listed))


def _hiding(place: Path, listed: Iterable[_Listed]) -> Iterator[str]:
    """Yield what lies beside a package's modules, is not in its RECORD, and goes before one of them in an import."""
    stems: dict[str, set[str]] = {}
    for folder, _, file in (one.path.rpartition("/") for one in listed):
        if file.endswith(_MODULES):
            stems.setdefault(folder, set()).add(file.partition(".")[0])
    with (place / "RECORD").open(encoding="utf-8", newline="") as record:
        known = {row[0] for row in csv.reader(record) if row}
    for folder, modules in stems.items():
        here = place.parent / folder
        names = os.listdir(here) if here.is_dir() else []  # noqa: PTH208  # pathlib takes ten times as long
        for name in sorted(name for name in names if name.partition(".")[0] in modules):
            path = f"{folder}/{name}" if folder else name
            path = path if "." in name else f"{path}/__init__.py"
            if path.endswith(_MODULES) and path not in known and _goes_before(here / name):
                yield path


def _goes_before(path: Path) -> bool:
    """Tell whether an import takes this before a module of the same name: a package, or an extension module."""
    return path.suffix in (".so", ".pyd") or path.joinpath("__init__.py").is_file()


def _listed(place: Path) -> Iterator[_Listed]:
    """Yield the files of a RECORD that have a digest and can be imported or read by what is."""
    with (place / "RECORD").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            path, encoded, size = (*row, "", "", "")[:3]
            algorithm, _, digest = encoded.partition("=")
            if algorithm in _ALGORITHMS and not _is_left_out(path):
                yield _Listed(path, algorithm, digest.rstrip("="), int(size) if size.isdecimal() else None)


def _is_left_out(path: str) -> bool:
    if path.endswith(".pyc") or path.startswith("/") or ".." in path.split("/") or ":" in path or "\\" in path:
        return True
    folder, _, file = path.partition("/")
    return folder.endswith(".dist-info") and (file in _BY_INSTALLER or file.startswith("uv_"))


def _compared(folder: Path, batch: Iterable[_Listed]) -> Iterator[tuple[str, str]]:
    """Yield each file that is not as it is listed, with what became of it; the size is looked at first."""
    buffer = memoryview(bytearray(_PIECE))
    start = f"{folder}{os.sep}"
    for file in batch:
        try:
            with open(start + file.path, "rb", 0) as opened:  # noqa: PTH123  # thousands of files; a path costs as much
                same = file.size is None or os.fstat(opened.fileno()).st_size == file.size
                hashed = hashlib.new(file.algorithm, usedforsecurity=False)
                while same and (count := opened.readinto(buffer)):
                    hashed.update(buffer[:count])
        except (FileNotFoundError, NotADirectoryError):
            yield file.path, "missing"
            continue
        except OSError:
            yield file.path, "unread"
            continue
        if not same or urlsafe_b64encode(hashed.digest()).rstrip(b"=") != file.digest.encode():
            yield file.path, "changed"
