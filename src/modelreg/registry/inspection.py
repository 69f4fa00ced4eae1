"""What is found by looking into the files of an environment: code that is gone, and files that were changed."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from modelreg.environment.capture import Capture
from modelreg.environment.compare import NO_RECORD
from modelreg.environment.expected import Expected, Pin
from modelreg.environment.finding import Finding, Role, Severity, few
from modelreg.environment.policy import Terms
from modelreg.environment.record import normalized
from modelreg.records import Imports
from modelreg.registry.hidden import COMMON

_SHOWN = 3  # files that a sentence names
_MODULE = re.compile(r"(?!__init__\.py$)((?!tests?/)[^/]+/)*[^/]+\.(py|so|pyd)")
"""The path of a module in a package's folder, below that; tests, which images may leave out, are passed over."""
_LIBRARIES = ".libs"
"""How the folder's name ends in which a wheel brings libraries along (auditwheel)."""
_SCRIPT = "__main__"
_UNPROVIDED = "no package provided it where the model was made either; only a program that has it beside it can load it"
_ENDS = (".py,", "/__init__.py,", ".cpython-", ".abi3.", ".cp")
"""How the path of a module goes on in a RECORD."""


def code_findings(
    expected: Expected, capture: Capture, terms: Terms, differences: Sequence[Finding]
) -> Iterator[Finding]:
    """Yield what the model's files name and the environment does not have any more.

    A package that is missing altogether has been told. Of Python's own modules, where Python is the same, only whether
    they are there is looked up: some systems leave a part of them out.
    """
    imports = expected.imports
    if imports is None or not capture.search:
        return
    wanted = _looked_up(imports, expected.pins(expected.group(terms.group)), differences)
    if not wanted.names:
        return
    # Imported here: many models name nothing.
    from modelreg.imports.lookup import State, look_up

    gone: dict[str, list[str]] = {}
    owners: dict[str, str] = {}
    for found in look_up(wanted, capture.search):
        if found.state is State.GONE:
            gone.setdefault(str(found), []).append(f"{found.module}.{found.name}".rstrip("."))
            owners[str(found)] = (imports.packages or {}).get(found.module) or found.module.partition(".")[0]
    for clause, names in gone.items():
        yield Finding(Severity.ERROR, "code", owners[clause], few(names, _SHOWN), clause)


def unprovided_findings(imports: Imports | None, capture: Capture, differences: Sequence[Finding]) -> Iterator[Finding]:
    """Yield what the model's files name, no package provided where the model was made, and nothing provides here.

    It is a warning: a server that starts beside that code finds it, and no file of an environment tells of that.
    Where a package of that name is missing, it has been told.
    """
    if imports is None or not imports.missing or not capture.search:
        return
    # Imported here: most models name nothing but what packages provide.
    from modelreg.imports.finder import Absent, Finder

    finder = Finder(capture.search)
    absent = {finding.subject for finding in differences if finding.kind == "missing"}
    for module in imports.missing:
        if normalized(module.partition(".")[0]) in absent:
            continue
        found = finder.find(module)
        if module == _SCRIPT:
            said = "no package has what the script that made the model defined"
        elif isinstance(found, Absent) and found.sure:
            said = f"there is no module {found.at}"
        else:
            continue
        named = [f"{module}.{name}" for name in imports.names.get(module, ())] or [module]
        yield Finding(Severity.WARNING, "code", module.partition(".")[0], few(named, _SHOWN), said, note=_UNPROVIDED)


def _looked_up(imports: Imports, pins: Collection[str], differences: Sequence[Finding]) -> Imports:
    absent = {finding.subject for finding in differences if finding.kind == "missing"}
    is_python_other = any(finding.subject == "python" for finding in differences)
    owners = imports.packages

    def names_of(module: str, names: tuple[str, ...]) -> tuple[str, ...] | None:
        owner = None if owners is None else owners.get(module)
        if owner is not None:
            return names if owner in pins and owner not in absent else None
        if owners is None:  # nobody knows whose it is
            return None if absent else names
        return names if is_python_other else ()

    found = {module: names_of(module, names) for module, names in imports.names.items()}
    return imports._replace(names={module: names for module, names in found.items() if names is not None})


def emptied_findings(
    expected: Expected, capture: Capture, terms: Terms, differences: Sequence[Finding]
) -> Iterator[Finding]:
    """Yield the packages that count of which metadata is left and a module or a package at the top is gone.

    Told from their RECORD. Editable packages lie elsewhere, and those of a distribution may be taken apart; what was
    told of already is passed over.
    """
    if not capture.search:  # an image's files are not looked at
        return
    told = {finding.subject for finding in differences if finding.kind in ("missing", "code", "files")}
    pins = expected.pins(expected.group(terms.group))
    here: dict[Path, frozenset[str]] = {}
    for package in capture.environment.packages:
        pin, place = pins.get(package.name), capture.places.get(package.name)
        elsewhere = package.origin is not None and package.origin.kind in ("editable", "distribution")
        if pin is None or place is None or elsewhere or package.name in told or not terms.policy.counts(pin.role):
            continue
        folder = Path(place).parent
        gone = sorted(_gone(b"\n" + _record(Path(place)), folder, _names_in(folder, here)))
        if gone:
            said = ", ".join(f"{name} is missing" for name in gone[:_SHOWN])
            yield Finding(Severity.ERROR, "files", package.name, package.version, said)


def _gone(record: bytes, folder: Path, names: Collection[str]) -> Iterator[str]:
    """Yield what of a RECORD's modules and packages at the top is not in a folder any more, whose `names` are given.

    The RECORD begins with a line end. A folder may be left of a package that is gone, with bytecode, or with another
    package's part of a namespace. Where sources were taken out, bytecode beside them stands for them.
    """
    for top in _tops(record):
        if top not in names:
            if not (top.endswith(".py") and f"{top}c" in names):
                yield top
        elif top.endswith(_LIBRARIES):
            yield from (path for path in _below(record, top) if not _is_there(f"{folder}{os.sep}{path}"))
        elif top.isidentifier() and not any(_is_there(f"{folder}{os.sep}{one}") for one in _modules(record, top)):
            yield from islice(_modules(record, top), 1)


def _below(record: bytes, top: str) -> Iterator[str]:
    """Yield the files that a RECORD has in a folder; those whose names CSV quotes are passed over."""
    start = f"\n{top}/".encode()
    at = record.find(start)
    while at >= 0:
        yield record[at + 1 : record.find(b",", at)].decode("utf-8", "replace")
        at = record.find(start, at + 1)


def _modules(record: bytes, top: str) -> Iterator[str]:
    """Yield one or two modules of a folder: what makes it a package, which several may share, and one of its own."""
    own = f"{top}/__init__.py"
    if f"\n{own},".encode() in record:
        yield own
    other = next((path for path in _below(record, top) if _MODULE.fullmatch(path, len(top) + 1)), None)
    if other is not None:
        yield other


def _is_there(path: str) -> bool:
    return os.path.exists(path) or os.path.exists(f"{path}c")  # noqa: PTH110  # pathlib takes longer


def _tops(record: bytes) -> frozenset[str]:
    """Return the modules and packages that a RECORD has at the top, as the files and folders that they are."""
    beginnings = {line.partition(b"/")[0] for line in record.split(b"\n")}
    tops = (beginning.decode("utf-8", "replace").partition(",") for beginning in beginnings)
    return frozenset(top for top, comma, _ in tops if _is_loaded(top, is_file=comma != "")) - COMMON


def _record(metadata: Path) -> bytes:
    """Return a package's RECORD; nothing where there is none."""
    try:
        return (metadata / "RECORD").read_bytes()
    except OSError:
        return b""


def _is_loaded(top: str, *, is_file: bool) -> bool:
    """Tell whether it is a module, a package, or the folder `….libs` in which wheels bring libraries."""
    if is_file:
        return top.endswith((".py", ".so", ".pyd")) and top[0] != "."
    return (top.isidentifier() and top != "__pycache__") or (top.endswith(_LIBRARIES) and top[0] != ".")


def _names_in(folder: Path, known: dict[Path, frozenset[str]]) -> frozenset[str]:
    if folder not in known:
        known[folder] = frozenset(os.listdir(folder))  # noqa: PTH208  # pathlib takes ten times as long
    return known[folder]


def file_findings(
    expected: Expected, capture: Capture, terms: Terms, differences: Sequence[Finding]
) -> Iterator[Finding]:
    """Yield which packages have files that are not as they were installed, and which could not be checked.

    Those that the model loads are looked at, or, where these are not known, those that count; by the policies `all` and
    `strict` every one that is pinned. If nobody asks for it, only those over which another package may have written.
    """
    pins = expected.pins(expected.group(terms.group))
    wanted = _deep(pins, all_count=terms.policy.all_count) if terms.deep else _shared(expected, capture, differences)
    if not wanted:
        return
    # Imported here: few checks ask for it.
    from modelreg.environment.files_changed import files_changed

    packages = [package for package in capture.environment.packages if package.name in wanted]
    versions = {package.name: package.version for package in packages}
    told = {one.subject for one in differences if one.found == NO_RECORD and one.severity is Severity.UNCHECKED}
    for found in files_changed(packages, capture.places):
        said = [f"{path} was changed" for path in found.changed] + [f"{path} is missing" for path in found.missing]
        if said:
            sentence = few(said, _SHOWN, last=", and ")
            yield Finding(Severity.ERROR, "files", found.package, versions[found.package], sentence)
        if found.hiding:
            yield Finding(Severity.ERROR, "added", found.package, versions[found.package], few(found.hiding, _SHOWN))
        reason = found.unchecked or (f"{found.unread[0]} cannot be read" if found.unread else None)
        if reason is not None and found.package not in told:
            severity = Severity.INFO if found.managed else Severity.UNCHECKED
            yield Finding(severity, "unhashed", found.package, None, reason)


def _deep(pins: Mapping[str, Pin], *, all_count: bool) -> Collection[str]:
    if all_count:
        return {name for name, pin in pins.items() if pin.role is not Role.TOOLING}
    critical = {name for name, pin in pins.items() if pin.role is Role.LOAD_CRITICAL}
    return critical or {name for name, pin in pins.items() if pin.role.counts}


def _shared(expected: Expected, capture: Capture, differences: Sequence[Finding]) -> Collection[str]:
    """Return the packages of which an added one has a module, too, that the model imports.

    Of two such packages, as opencv-python and opencv-python-headless are, the one that was installed last has written
    over the other.
    """
    added = [finding.subject for finding in differences if finding.kind == "extra"]
    owners = (expected.imports.packages if expected.imports else None) or {}
    shared: set[str] = set()
    for place in (Path(capture.places[name]) for name in added if name in capture.places and owners):
        record = b"\n" + _record(place)
        paths = ((owner, f"\n{module.replace('.', '/')}") for module, owner in owners.items() if owner not in shared)
        shared |= {owner for owner, path in paths if any(f"{path}{end}".encode() in record for end in _ENDS)}
    return shared
