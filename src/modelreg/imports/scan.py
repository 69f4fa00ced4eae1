"""What a model's files import when they are loaded, and which versions they say they were made with."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from modelreg.files import SourceFile, pieces
from modelreg.imports import reader, source
from modelreg.records import Imports

MEMORY = 4 * 1024**3
"""Bytes that reading a file may take."""
SECONDS = 60
"""Seconds that reading a file may take."""

MOST = 5000
"""How many findings of a file are kept; honest models have some dozens."""

_SUFFIXES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".dill", ".cloudpickle", ".sav", ".npz")
_LONGEST = 200
_NUMPY, _OBJECTS, _HEADER = b"\x93NUMPY", b"'|O'", 1024
_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


class Scan(NamedTuple):
    """What was found in files. inner: the modules that code which travels with them imports: functions, and sources.

    imports: None where none of them is a pickle, or says anything.
    """

    imports: Imports | None
    inner: frozenset[str] = frozenset()


def scan(files: Sequence[SourceFile]) -> Scan:
    """List what `files` import, loading none, and which versions they say they were made with.

    Raises:
        NotFoundError, AccessDeniedError: a file cannot be read.
    """
    names: dict[str, set[str]] = {}
    versions: dict[str, str] = {}
    inner: set[str] = set()
    complete, silent = True, True
    for file in files:
        if file.location.suffix == ".py":
            inner.update(map(_plain, _imported(file, files)))
            continue
        is_pickle = _may_be_pickle(file)
        ended = not is_pickle
        for kind, *finding in _read(file.location) if is_pickle else _described(file.location):
            silent = False
            if kind in ("global", "module"):
                names.setdefault(_plain(finding[0]), set()).update(map(_plain, finding[1:]))
            elif kind == "inner":
                inner.add(_plain(finding[0]))
            elif kind == "version":
                versions[finding[0]] = _plain(finding[1])
            ended = ended or kind == "end"
        complete, silent = complete and ended, silent and not is_pickle
    if silent:
        return Scan(None, frozenset(inner))
    sorted_names = {module: tuple(sorted(names[module])) for module in sorted(names)}
    return Scan(Imports(sorted_names, versions, complete), frozenset(inner))


def _may_be_pickle(file: SourceFile) -> bool:
    if file.location.suffix.lower() in _SUFFIXES:
        return True
    start = next(pieces(file.location), b"")
    return start[:2] in _STARTS or (start[:6] == _NUMPY and _OBJECTS in start[:_HEADER])


def _imported(file: SourceFile, files: Sequence[SourceFile]) -> Iterator[str]:
    """Yield what a source imports, but for what lies beside it."""
    if file.size > source.LARGEST:
        return
    beside = {part for one in files for part in one.path.removesuffix(".py").split("/")}
    modules = source.imported(b"".join(pieces(file.location)))
    yield from (module for module in islice(modules, MOST) if module.partition(".")[0] not in beside)


def _described(location: Path) -> Iterator[tuple[str, ...]]:
    # Imported here: it brings zip files and all compressions along, and most models are pickles.
    from modelreg.imports.described import describe

    return islice(describe(location), MOST)


def _plain(name: str) -> str:
    """Return a name that any terminal may show and any record hold, whatever a forger wrote."""
    return name if len(name) <= _LONGEST and name.isprintable() else ascii(name)[:_LONGEST]


def _read(location: Path) -> list[tuple[str, ...]]:
    """Run the reader, and return what it found until its end, or until it was ended."""
    command = [sys.executable, "-I", "-S", str(Path(reader.__file__)), str(location), str(MEMORY), str(SECONDS)]
    try:
        done = subprocess.run(  # noqa: S603  # our own script, in the interpreter that runs us
            command, capture_output=True, timeout=2 * SECONDS, stdin=subprocess.DEVNULL, check=False
        )
        output = done.stdout
    except subprocess.TimeoutExpired as expired:
        output = expired.stdout or b""
    findings = []
    for line in output.splitlines(keepends=True)[:MOST]:
        if line.endswith(b"\n"):  # the last one may have been cut short
            finding: tuple[str, ...] = ast.literal_eval(line.decode("ascii"))
            findings.append(finding)
    return findings
