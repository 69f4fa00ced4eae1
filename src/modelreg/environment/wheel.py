"""The record digest of a wheel that nobody installed: the same as that of what an installer makes of it."""

import csv
import io
import zipfile
from pathlib import Path

from modelreg.environment.probe import record_digest
from modelreg.errors import IntegrityError

_INSTALLED = ("purelib", "platlib")
"""What of a wheel's `.data` folder comes into site-packages (PEP 427); the rest lies elsewhere."""


def wheel_record_digest(path: Path) -> str | None:
    """Return the record digest (docs/format.md) of a wheel's file; None where its RECORD has no digests.

    Raises:
        IntegrityError: it is no wheel.
    """
    try:
        with zipfile.ZipFile(path) as wheel:
            name = next(name for name in wheel.namelist() if _is_record(name))
            text = wheel.read(name).decode("utf-8")
    except (zipfile.BadZipFile, StopIteration, UnicodeDecodeError, KeyError, EOFError):
        raise IntegrityError(f"{path.name} is no wheel: it has no RECORD that can be read") from None
    digest: str | None = record_digest(_as_installed(text).encode())
    return digest


def _is_record(name: str) -> bool:
    folder, _, file = name.partition("/")
    return folder.endswith(".dist-info") and file == "RECORD"


def _as_installed(record: str) -> str:
    """Return a wheel's RECORD with the paths that its files have once they are installed."""
    answer = io.StringIO()
    rows = csv.writer(answer, lineterminator="\n")
    for row in csv.reader(io.StringIO(record)):
        if not row:
            continue
        folder, _, rest = row[0].partition("/")
        if folder.endswith(".data"):
            scheme, _, path = rest.partition("/")
            if scheme not in _INSTALLED:
                continue
            row[0] = path
        rows.writerow(row)
    return answer.getvalue()
