"""What files that are no pickles say of themselves: the version of a framework that made them, and classes they name.

Each is read up to a fixed number of bytes, and nothing is decompressed beyond it, so a hostile file costs no more.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

MOST = 64 * 1024**2
"""Bytes of a file, or of a member of a zip file, that are read."""

_TAIL = 256  # bytes; XGBoost writes its version last
_JSON_VERSION = re.compile(rb'"version"\s*:\s*\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]')
_UBJ_VERSION = re.compile(rb"\x07version\[#L\0{7}\x03i(.)i(.)i(.)", re.DOTALL)
# MetaInfoDef of TensorFlow's meta_graph.proto: tags = 4, tensorflow_version = 5, tensorflow_git_version = 6.
_TENSORFLOW_VERSION = re.compile(rb"\x22\x05serve\x2a(.)(\d+\.\d+\.\d+[\w.+-]*)\x32", re.DOTALL)

Finding = tuple[str, ...]
"""`("version", package, version)` or `("global", module, name)`."""


def describe(location: Path) -> Iterator[Finding]:
    """Yield what a file says of itself; nothing where it says nothing that is understood."""
    reader = _READERS.get(location.suffix.lower())
    try:
        if reader is not None:
            yield from reader(location)
    except (OSError, ValueError, LookupError, TypeError, RecursionError, zipfile.BadZipFile, NotImplementedError):
        return  # it is not what its name says


def _keras(location: Path) -> Iterator[Finding]:
    metadata = json.loads(_member(location, "metadata.json"))
    yield "version", "keras", _version(metadata["keras_version"])


def _skops(location: Path) -> Iterator[Finding]:
    schema = json.loads(_member(location, "schema.json"))
    yield "version", "skops", _version(schema["_skops_version"])
    ahead = [schema]
    while ahead:
        node = ahead.pop()
        if isinstance(node, dict):
            module, name = node.get("__module__"), node.get("__class__")
            if isinstance(module, str) and isinstance(name, str):
                yield "global", module, name
            made_with = node.get("_sklearn_version")
            if isinstance(made_with, dict):
                yield "version", "scikit-learn", _version(json.loads(made_with["content"]))
            ahead += node.values()
        elif isinstance(node, list):
            ahead += node


def _xgboost_json(location: Path) -> Iterator[Finding]:
    head, tail = _ends(location)
    if head.lstrip(b"{ \r\n\t").startswith(b'"learner"'):
        for match in _JSON_VERSION.finditer(head + tail):
            yield "version", "xgboost", b".".join(match.groups()).decode()


def _xgboost_ubj(location: Path) -> Iterator[Finding]:
    for match in _UBJ_VERSION.finditer(_ends(location)[1]):
        yield "version", "xgboost", ".".join(str(part[0]) for part in match.groups())


def _tensorflow(location: Path) -> Iterator[Finding]:
    with location.open("rb") as file:
        for match in _TENSORFLOW_VERSION.finditer(file.read(MOST)):
            if match[1][0] == len(match[2]):
                yield "version", "tensorflow", match[2].decode("ascii", "replace")


_READERS = {
    ".keras": _keras,
    ".skops": _skops,
    ".json": _xgboost_json,
    ".ubj": _xgboost_ubj,
    ".pb": _tensorflow,
}


def _ends(location: Path) -> tuple[bytes, bytes]:
    """Return the first and the last bytes of a file."""
    with location.open("rb") as file:
        head = file.read(_TAIL)
        file.seek(max(0, file.seek(0, 2) - _TAIL))
        return head, file.read(_TAIL)


def _member(location: Path, name: str) -> bytes:
    with zipfile.ZipFile(location) as archive, archive.open(name) as member:
        data = member.read(MOST + 1)
    if len(data) > MOST:
        raise ValueError(name)
    return data


def _version(value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise TypeError(value)
    return value
