"""Does the code that a model's pickles name still exist in an environment? Told without importing or running any of it.

What is said to be gone is gone: whatever could be there by means that cannot be seen from the files is unknown.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from modelreg.imports.bindings import binds_plainly, imports_all
from modelreg.imports.finder import Absent, Finder, Found
from modelreg.records import Imports

if TYPE_CHECKING:
    from modelreg.imports.definitions import Definitions

_LARGEST = 64 * 1024 * 1024
"""Bytes of the largest extension module that is searched."""
_TABLE = b"cline_in_traceback"
"""What stands among the names of an extension module of Cython's, unless they are compressed, as from Cython 3.2."""
_UNPICKLE = b"__pyx_unpickle_"
"""How the functions begin whose names Cython never compresses."""
_ALL = b"from-import-*"
"""What stands in one of Cython's that may have names of another module's."""
_REPLACED = "distutils"
"""What setuptools puts its own in the place of, when Python starts."""
_DEEPEST = 20  # modules that a name is followed through


class State(StrEnum):
    """Whether something exists."""

    EXISTS = "exists"
    GONE = "gone"
    UNKNOWN = "unknown"


class Lookup(NamedTuple):
    """What became of one global. name: empty where the module alone is named. missing: the module that is not there."""

    module: str
    name: str
    state: State
    missing: str | None = None

    def __str__(self) -> str:
        """Say it in a clause."""
        if self.state is State.GONE:
            return f"there is no module {self.missing}" if self.missing else f"{self.module} has no {self.name}"
        return f"{self.module}.{self.name} {'exists' if self.state is State.EXISTS else 'may exist'}"


def look_up(imports: Imports, search: Sequence[str]) -> Iterator[Lookup]:
    """Yield for each global that a model's files name whether it exists along a `sys.path`.

    search: absolute folders on this machine, in order. What nothing provided where the model was made, such as the
    script that made it, is unknown.
    """
    code = _Code(Finder(search))
    for module, names in imports.names.items():
        for name in names or ("",):
            yield _look_up(code, imports, module, name)


def _look_up(code: "_Code", imports: Imports, module: str, name: str) -> Lookup:
    if module.partition(".")[0] in ("__main__", _REPLACED) or module in (imports.missing or ()):
        return Lookup(module, name, State.UNKNOWN)
    there, called = _of_python_3(module, name)
    if called and not all(part.isidentifier() for part in called.split(".")):  # Box[int], made when it is asked for
        return Lookup(module, name, State.UNKNOWN)
    found = code.finder.find(there)
    if isinstance(found, Absent):
        gone = found.sure and _was_there(found, there, imports)
        return Lookup(module, name, State.GONE, found.at) if gone else Lookup(module, name, State.UNKNOWN)
    return Lookup(module, name, code.name(there, called) if called else State.EXISTS)


def _was_there(absent: Absent, module: str, imports: Imports) -> bool:
    """Tell whether an absent module was a file of a package, or of Python, where the model was made."""
    if imports.packages is None:
        return absent.below
    owner = imports.packages.get(module)
    if absent.below or "." in module:
        return True
    # Cython pickles some modules under their bare name, which no import would find there either.
    return owner is None or owner.replace("-", "_") == module


def _of_python_3(module: str, name: str) -> tuple[str, str]:
    """Translate what Python 2 called otherwise, as pickle does for its protocols up to 2."""
    # Imported here: pickle has it in memory wherever a model is made or loaded.
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    if (module, name) in NAME_MAPPING:
        moved: tuple[str, str] = NAME_MAPPING[module, name]
        return moved
    return IMPORT_MAPPING.get(module, module), name


class _Code:
    """What modules hold; each is read once."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self._definitions: dict[str, Definitions | None] = {}

    def name(self, module: str, name: str, depth: int = 0) -> State:
        """Tell whether a module that is there has a name, which may be dotted: `Class.method`."""
        found = self.finder.find(module)
        if isinstance(found, Absent) or depth > _DEEPEST:
            return State.UNKNOWN
        first, _, rest = name.partition(".")
        if found.kind == "source" and found.path is not None:
            return self._in_source(module, found, first, rest, depth)
        if found.kind == "extension" and found.path is not None:
            return _in_binary(found.path, first.encode(), rest.encode())
        if found.kind == "builtin":
            # The running interpreter has it in itself, too, so no file is imported.
            return State.EXISTS if hasattr(import_module(module), first) else State.UNKNOWN
        return State.UNKNOWN if self._submodule(module, first) is None else State.EXISTS

    def _in_source(self, module: str, found: Found, first: str, rest: str, depth: int) -> State:
        source = self.finder.source(found.path) if found.path is not None else None
        if source is None:
            return State.UNKNOWN
        if not rest and binds_plainly(source, first):
            return State.EXISTS
        if imports_all(source):
            return State.UNKNOWN
        defined = self._defined(module, found, source)
        if defined is None:
            return State.UNKNOWN
        if first in defined.names:
            return self._attribute(defined, first, rest, depth) if rest else State.EXISTS
        uncertain = defined.dynamic or first in defined.mentioned
        return State.UNKNOWN if uncertain or self._submodule(module, first) is not None else State.GONE

    def _attribute(self, defined: "Definitions", first: str, rest: str, depth: int) -> State:
        """Tell whether something below a name is there; what a class inherits or is given, nobody can see here."""
        if rest in defined.classes.get(first, ()):
            return State.EXISTS
        if first in defined.imported and first not in defined.classes:
            origin, name = defined.imported[first]
            state = self.name(origin, f"{name}.{rest}", depth + 1)
            return state if state is State.EXISTS else State.UNKNOWN
        return State.UNKNOWN

    def _defined(self, module: str, found: Found, source: bytes) -> "Definitions | None":
        if module not in self._definitions:
            # Imported here: most names are plain to see without it.
            from modelreg.imports.definitions import definitions

            self._definitions[module] = definitions(source, module, is_package=found.folders is not None)
        return self._definitions[module]

    def _submodule(self, module: str, name: str) -> Found | None:
        found = self.finder.find(module)
        if isinstance(found, Absent) or found.folders is None or not name:
            return None
        below = self.finder.find(f"{module}.{name}")
        return None if isinstance(below, Absent) else below


def _in_binary(path: Path, first: bytes, rest: bytes) -> State:
    """Tell whether an extension module has a name, and what is below it, by the text in it."""
    # Imported here: few models name anything of one.
    import mmap

    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if len(data) > _LARGEST:
                return State.UNKNOWN
            if data.find(first) >= 0:
                return State.EXISTS if data.find(rest) >= 0 else State.UNKNOWN
            if first.startswith(_UNPICKLE) and data.find(_UNPICKLE) >= 0:
                return State.GONE
            told = data.find(_TABLE) >= 0 > data.find(_ALL)
            return State.GONE if told else State.UNKNOWN
    except (OSError, ValueError):
        return State.UNKNOWN
