"""Where an interpreter would find a module, told from its `sys.path` alone: nothing is imported, nothing started."""

import os
import re
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

_BINARY = (".so", ".pyd")
_LIBRARY = "os.py"
"""The file by which the standard library is known."""
_COMPILED_IN = frozenset(
    {
        *sys.builtin_module_names,
        *(name for name in sys.stdlib_module_names if name.startswith("_")),
        *("array", "audioop", "binascii", "cmath", "crypt", "fcntl", "grp", "math", "mmap", "msvcrt", "nis", "nt"),
        *("ossaudiodev", "pyexpat", "readline", "resource", "select", "spwd", "syslog", "termios", "unicodedata"),
        *("winreg", "winsound", "zlib"),
    }
)
"""Modules that some interpreter has in itself, where no file tells of them."""
_TRICKS = rb"__path__|sys\.modules|meta_path|path_hooks|extend_path|declare_namespace|add_submodule"
"""What a package that makes submodules by other means than files has in its source."""
_HARMLESS = (
    r"import (_virtualenv|_distutils_hack|coverage|sys, *coverage|os, sys;exec\(.import coverage|"
    r"os; *var = .SETUPTOOLS_USE_DISTUTILS)\b"
)
_MOST = 4 * 1024 * 1024
"""Bytes of the largest source that is read."""


class Found(NamedTuple):
    """A module that is there. path: its file; None of a namespace package, or one inside the interpreter.

    kind: `source`, `extension`, `bytecode`, `namespace` or `builtin`. folders: where its submodules are looked for;
    None of what is no package.
    """

    kind: str
    path: Path | None
    folders: tuple[str, ...] | None = None


class Absent(NamedTuple):
    """A module that is not there. at: the part of its dotted name that is missing.

    sure: no other way than by files is known in which it could come to be there. below: the package that it is missing
    from is there, with a file of its own.
    """

    at: str
    sure: bool
    below: bool


class Finder:
    """Finds modules along one `sys.path` as an import would; folders are listed once."""

    def __init__(self, search: Sequence[str]) -> None:
        self._search = tuple(dict.fromkeys(search))
        self._listed: dict[str, frozenset[str] | None] = {}
        self._found: dict[str, Found | Absent] = {}
        self._sources: dict[Path, bytes | None] = {}

    def find(self, module: str) -> Found | Absent:
        """Find a module by its dotted name."""
        if module not in self._found:
            self._found[module] = self._find(module)
        return self._found[module]

    def source(self, path: Path) -> bytes | None:
        """Return what a source file holds; None where it cannot be read, or is larger than any honest one."""
        if path not in self._sources:
            try:
                with path.open("rb") as file:
                    data = file.read(_MOST + 1)
            except OSError:
                data = None
            self._sources[path] = data if data is not None and len(data) <= _MOST else None
        return self._sources[path]

    @cached_property
    def has_library(self) -> bool:
        """Whether the standard library is on the path, as it is unless the path is that of a part of a system."""
        return any(_LIBRARY in (self._names(folder) or ()) for folder in self._search)

    @cached_property
    def has_archives(self) -> bool:
        """Whether something on the path is no folder, so that imports would look into it and this does not."""
        return any(self._names(entry) is None for entry in self._search)

    @cached_property
    def has_hooks(self) -> bool:
        """Whether a .pth file runs code when Python starts, which may import modules from elsewhere (editables do)."""
        return any(
            line.startswith(("import ", "import\t")) and not re.match(_HARMLESS, line)
            for folder in self._search
            for name in self._names(folder) or ()
            if name.endswith(".pth")
            for line in (self.source(Path(folder, name)) or b"import ?").decode("utf-8", "replace").splitlines()
        )

    def _find(self, module: str) -> Found | Absent:
        above, _, name = module.rpartition(".")
        if not name.isidentifier():
            return Absent(module, sure=False, below=False)
        if not above:
            return self._top(name)
        parent = self.find(above)
        return parent if isinstance(parent, Absent) else self._below(parent, module, name)

    def _below(self, parent: Found, module: str, name: str) -> Found | Absent:
        found = self._in(parent.folders, name) if parent.folders is not None else None
        if found is not None:
            return found
        if parent.kind == "namespace":
            return Absent(module, sure=not self.has_hooks and not self.has_archives, below=False)
        return Absent(module, sure=self._is_plain(parent), below=True)

    def _top(self, name: str) -> Found | Absent:
        found = self._in(self._search, name)
        if found is not None:
            return found
        if name in sys.builtin_module_names:
            return Found("builtin", None)
        if name in _COMPILED_IN or (name in sys.stdlib_module_names and not self.has_library):
            return Absent(name, sure=False, below=False)
        return Absent(name, sure=not self.has_hooks and not self.has_archives, below=False)

    def _in(self, folders: Sequence[str], name: str) -> Found | None:
        portions = []
        for folder in folders:
            names = self._names(folder) or frozenset()
            inner = f"{folder}{os.sep}{name}"
            is_folder = name in names and self._names(inner) is not None
            if is_folder:
                package = _file(inner, "__init__", self._names(inner) or frozenset())
                if package is not None:
                    return Found(*package, (inner,))
            module = _file(folder, name, names)
            if module is not None:
                return Found(*module)
            if is_folder:
                portions.append(inner)
        return Found("namespace", None, tuple(portions)) if portions else None

    def _is_plain(self, package: Found) -> bool:
        """Tell whether a package does nothing that could make submodules which have no file."""
        source = self.source(package.path) if package.kind == "source" and package.path is not None else None
        return source is not None and re.search(_TRICKS, source) is None

    def _names(self, folder: str) -> frozenset[str] | None:
        """Return the names in a folder; none where there is nothing, None where something else than a folder is."""
        if folder not in self._listed:
            try:
                self._listed[folder] = frozenset(os.listdir(folder))  # noqa: PTH208  # pathlib takes ten times as long
            except FileNotFoundError:
                self._listed[folder] = frozenset()
            except OSError:
                self._listed[folder] = None
        return self._listed[folder]


def _file(folder: str, stem: str, names: frozenset[str]) -> tuple[str, Path] | None:
    """Return the kind and the path of the file that a module is, in the order in which imports look for it."""
    start = f"{stem}."
    # Between stem and suffix may stand what it is for, which is not looked at: cpython-311-x86_64-linux-gnu, abi3, …
    binary = [name for name in names if name.startswith(start) and name.endswith(_BINARY)]
    if binary:
        return "extension", Path(folder, min(binary))
    for suffix, kind in ((".py", "source"), (".pyc", "bytecode")):
        if stem + suffix in names:
            return kind, Path(folder, stem + suffix)
    return None
