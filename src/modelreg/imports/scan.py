"""What a model's files import when they are loaded, and which versions they say they were made with."""

import ast
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from modelreg.files import SourceFile, pieces
from modelreg.imports import reader
from modelreg.records import Imports

MEMORY = 4 * 1024**3
"""Bytes that reading a file may take."""
SECONDS = 60
"""Seconds that reading a file may take."""

MOST = 5000
"""How many findings of a file are kept; honest models have some dozens."""

_SUFFIXES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".dill", ".cloudpickle", ".sav")
_LONGEST = 200
_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def scan(files: Sequence[SourceFile]) -> Imports | None:
    """List what the pickles among `files` import, loading none; None where there are no pickles.

    Raises:
        NotFoundError, AccessDeniedError: a file cannot be read.
    """
    names: dict[str, set[str]] = {}
    versions: dict[str, str] = {}
    pickles = [file for file in files if _may_be_pickle(file)]
    complete = True
    for file in pickles:
        ended = False
        for kind, *finding in _read(file.location):
            if kind == "global":
                names.setdefault(_plain(finding[0]), set()).add(_plain(finding[1]))
            elif kind == "version":
                versions[finding[0]] = _plain(finding[1])
            ended = ended or kind == "end"
        complete = complete and ended
    if not pickles:
        return None
    return Imports({module: tuple(sorted(names[module])) for module in sorted(names)}, versions, complete)


def _may_be_pickle(file: SourceFile) -> bool:
    if file.location.suffix.lower() in _SUFFIXES:
        return True
    return next(pieces(file.location), b"")[:2] in _STARTS


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
