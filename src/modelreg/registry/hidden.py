"""What an import would find in place of an installed package, or of a module of the standard library.

A folder on PYTHONPATH, say, that has no metadata.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from modelreg.environment.capture import Capture
from modelreg.environment.compare import Comparison
from modelreg.environment.expected import Expected
from modelreg.environment.finding import Finding, Severity
from modelreg.environment.record import TOOLING, Package
from modelreg.records import Imports

_STANDARD = re.compile(r"python\d+\.zip")
"""The archive of the standard library, as embedded Pythons have it."""
COMMON = frozenset({"benchmarks", "conftest", "doc", "docs", "examples", "scripts", "setup", "test", "tests", "tools"})
"""What packages leave beside their modules by mistake, and projects have, too; nothing that counts is called so."""
_FROZEN = frozenset(
    {
        *("_collections_abc", "_sitebuiltins", "abc", "codecs", "genericpath", "io", "ntpath", "os", "posixpath"),
        *("runpy", "site", "stat", "zipimport"),
    }
)
"""What an interpreter holds in itself, or has loaded before anything else is on its path."""
_TOOLS = frozenset(
    {
        *("antigravity", "cmd", "code", "ensurepip", "idlelib", "lib2to3", "profile", "pyclbr", "tabnanny", "this"),
        *("trace", "turtle", "turtledemo", "venv"),
    }
)
"""What developers call, and no library does to load or to compute; projects have modules of these names."""


def hidden_findings(expected: Expected, capture: Capture, comparison: Comparison) -> Iterator[Finding]:
    """Yield the packages that count in whose place an import would find something else, unless that has been told.

    What is the same there, file by file, hides nothing. Editable packages lie elsewhere by their nature. Modules of the
    standard library that are hidden are all told: what the model needs imports more of them than its files name.
    """
    told = {
        finding.subject
        for finding in comparison.findings
        if finding.kind in ("duplicate", "shadowed") and finding.severity is not Severity.INFO
    }
    pins, policy = expected.pins(comparison.terms.group), comparison.terms.policy
    path = _Path(capture.search)
    for package in capture.environment.packages:
        name, pin = package.name, pins.get(package.name)
        if pin is None or name in told or not policy.counts(pin.role):
            continue
        by = _instead_of(package, capture, path, _imported(expected.imports, name))
        note = expected.explain(name, pin.role)
        if by is not None:
            yield Finding(Severity.ERROR, "shadowed", name, by, package.version, None, pin.role, note)
        elif (by := _stray(package, capture)) is not None:
            yield Finding(Severity.ERROR, "stray", name, package.version, by, None, pin.role, note)
    named = {module.partition(".")[0] for module in (expected.imports.names if expected.imports else ())}
    for name, by in path.library_instead():
        if name in capture.loaded:
            continue
        severity = Severity.ERROR if policy.strict or name in named or name not in _TOOLS else Severity.WARNING
        note = "the model imports it when it is loaded" if name in named else "whatever the model needs may import it"
        yield Finding(severity, "standard", name, by, None, note=note)


def hidden_remarks(capture: Capture, imports: Imports | None) -> Iterator[str]:
    """Say which packages, and modules of the standard library, other code hid where the model was made.

    That code is recorded nowhere, so nobody can build such an environment again. No path of the machine is named.
    """
    path = _Path(capture.search)
    hidden = {f"{name} of Python's standard library": by for name, by in path.library_instead()}
    for package in capture.environment.packages:
        if package.name not in TOOLING:
            by = _instead_of(package, capture, path, _imported(imports, package.name))
            hidden |= {f"{package.name} {package.version}": by} if by is not None else {}
    for name, by in hidden.items():
        yield (
            f"{name} was hidden by {path.within(by)}, which stood earlier on the path (PYTHONPATH), so the model was "
            "made with code that is not recorded"
        )


def ahead_of_library(search: Sequence[str]) -> Sequence[str]:
    """Return what stands on a `sys.path` before the standard library, by real paths: what PYTHONPATH adds, mostly."""
    return _Path(search).ahead_of_library()


def _instead_of(package: Package, capture: Capture, path: "_Path", imported: Sequence[str]) -> str | None:
    if _lies_elsewhere(package, capture):
        return None
    return path.found_instead(Path(capture.places[package.name]), imported)


def _stray(package: Package, capture: Capture) -> str | None:
    """Return from where the running process has a package's modules that it did not import from where they lie."""
    if not capture.stray or _lies_elsewhere(package, capture):
        return None
    tops = _tops(Path(capture.places[package.name]), frozenset(capture.stray))
    return capture.stray[tops[0]] if tops else None


def _lies_elsewhere(package: Package, capture: Capture) -> bool:
    editable = package.origin is not None and package.origin.kind == "editable"
    return editable or package.name not in capture.places


def _imported(imports: Imports | None, name: str) -> Sequence[str]:
    owners = (imports.packages if imports else None) or {}
    return [module for module, owner in owners.items() if owner == name]


class _Path:
    """A `sys.path`, and what of it stands before a folder of packages and has modules of the same names."""

    def __init__(self, search: Sequence[str]) -> None:
        # Metadata is recorded where it really lies. What lies in a folder may be a link: uv makes them to its cache.
        self._search = tuple(dict.fromkeys(map(os.path.realpath, search)))
        self._before: dict[str, Mapping[str, frozenset[str]]] = {}

    def found_instead(self, place: Path, imported: Sequence[str]) -> str | None:
        """Return what hides the modules of the package whose metadata is at `place`; None where nothing does."""
        home = str(place.parent)
        if home not in self._before:
            self._before[home] = self._colliding(home)
        for entry, names in self._before[home].items():
            for module in [*imported, *_tops(place, names - COMMON)]:
                if module.partition(".")[0] in names and (by := self._instead(module, entry)) is not None:
                    # Imported here: as below.
                    from modelreg.environment.files_changed import is_same_in

                    if not is_same_in(place, Path(entry), module.partition(".")[0]):
                        return by
        return None

    def library_instead(self) -> Iterator[tuple[str, str]]:
        """Yield the top modules of the standard library that something hides, with that."""
        ahead = self.ahead_of_library()
        own = frozenset[str]().union(*(_names(entry) for entry in self._search if ahead and _is_python_s(entry)))
        for entry in ahead:
            for name in sorted((_names(entry) & own) - COMMON - _FROZEN):
                if (by := self._instead(name, entry)) is not None:
                    yield name, by

    def within(self, found: str) -> str:
        """Name a file as it lies in the entry it was found in: `pkg/mod.py`; an archive by its own name."""
        entry = next((entry for entry in self._search if found.startswith(f"{entry}{os.sep}")), str(Path(found).parent))
        return found[len(entry) + 1 :].replace(os.sep, "/")

    def ahead_of_library(self) -> Sequence[str]:
        """Return the entries before the first one that is Python's own; none where there is no such."""
        first = next((number for number, entry in enumerate(self._search) if _is_python_s(entry)), 0)
        return self._search[:first]

    def _colliding(self, home: str) -> Mapping[str, frozenset[str]]:
        """Return what is searched before a folder and is not Python's own, with the names that both have."""
        if home not in self._search:
            return {}
        ahead = self._search[: self._search.index(home)]
        own = _names(home) if ahead else frozenset()
        both = ((entry, _names(entry) & own) for entry in ahead if not _is_python_s(entry))
        return {entry: names for entry, names in both if names}

    def _instead(self, module: str, entry: str) -> str | None:
        if Path(entry).is_file():
            return entry
        # Imported here: next to nothing is hidden.
        from modelreg.imports.finder import Absent, Finder

        found = Finder(self._search).find(module)
        path = None if isinstance(found, Absent) else found.path
        return str(path) if path is not None and str(path).startswith(f"{entry}{os.sep}") else None


def _is_python_s(entry: str) -> bool:
    place = Path(entry)
    return (
        place.name == "lib-dynload" or _STANDARD.fullmatch(place.name) is not None or place.joinpath("os.py").is_file()
    )


def _names(entry: str) -> frozenset[str]:
    """Return what may be modules at the top of a folder or an archive, without suffixes."""
    try:
        names = os.listdir(entry)  # noqa: PTH208  # pathlib takes ten times as long
    except NotADirectoryError:
        names = _archived(entry)
    except OSError:
        names = []
    return frozenset(stem for name in names if (stem := name.partition(".")[0]).isidentifier() and stem[:2] != "__")


def _archived(archive: str) -> list[str]:
    """Return the modules and packages at the top of an archive."""
    # Imported here: few paths have an archive on them.
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(archive) as opened:
            names = [name.split("/") for name in opened.namelist()]
    except (OSError, BadZipFile):
        return []
    return [name[0] for name in names if len(name) == 1 or name[1:] == ["__init__.py"]]


def _tops(place: Path, names: frozenset[str]) -> list[str]:
    """Return which of some modules a package has at the top, by its RECORD."""
    if not names:
        return []
    try:
        record = b"\n" + (place / "RECORD").read_bytes()
    except OSError:
        return []
    starts = {name: (f"\n{name}.".encode(), f"\n{name}/__init__.".encode()) for name in names}
    return sorted(name for name, ways in starts.items() if any(way in record for way in ways))
