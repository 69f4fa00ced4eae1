"""Which installed package provides a module, by the files that packages list as their own; nothing is imported.

A module is looked for as an import would find it: a file, a package's folder, or an extension module. What counts is
the list that an installer leaves (RECORD, PEP 376); an editable installation lists no modules, so its folder counts.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_BINARY = (b".so", b".pyd")
_FORMER = frozenset(
    {
        *("_bootlocale", "_dummy_thread", "aifc", "asynchat", "asyncore", "audioop", "binhex", "cgi", "cgitb", "chunk"),
        *("crypt", "distutils", "dummy_threading", "exceptions", "formatter", "imghdr", "imp", "lib2to3", "macpath"),
        *("mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "parser", "pipes", "smtpd", "sndhdr", "spwd", "sunau"),
        *("symbol", "telnetlib", "uu", "xdrlib"),
    }
)
"""Modules that some Python from 3.8 on had, and a later one has not."""
_TOP = re.compile(rb"\n([^/.,\n]+)[/.]")
_MAPPING = re.compile(r"^MAPPING\b[^=]*= (\{.*\})$", re.MULTILINE)


class Providers(NamedTuple):
    """Where a model's imports come from.

    packages: by module, the package that provides it, Python's own left out. owners: all packages that do: several may
    own a file, as opencv-python and opencv-python-headless do. missing: the modules that nothing provides.
    """

    packages: Mapping[str, str]
    owners: frozenset[str]
    missing: tuple[str, ...]


def find_providers(modules: Iterable[str], places: Mapping[str, str]) -> Providers:
    """Find the packages that provide `modules`.

    places: by package, its .dist-info or .egg-info on this machine. The modules of Python's own are those of any
    version that modelreg knows. A module that a package makes when it is imported counts as that package's.
    """
    installed = [_Installed(name, Path(place)) for name, place in sorted(places.items())]
    candidates: dict[str, list[_Installed]] = {}
    packages: dict[str, str] = {}
    owners: set[str] = set()
    missing: list[str] = []
    for module in sorted(set(modules)):
        top = module.partition(".")[0]
        if top not in candidates:
            candidates[top] = [] if top in sys.stdlib_module_names else [one for one in installed if one.may_have(top)]
        found = _owners(module, candidates[top])
        if found:
            packages[module] = found[0]
            owners.update(found)
        elif not _is_python_s(module):
            missing.append(module)
    for module in list(missing):
        # Cython pickles some modules under their bare name, which their package enters into sys.modules.
        if found := [one.name for one in installed if one.name in owners and one.has_extension(module)]:
            packages[module] = found[0]
            missing.remove(module)
    return Providers(dict(sorted(packages.items())), frozenset(owners), tuple(missing))


def _is_python_s(module: str) -> bool:
    # Imported here: only what no package has comes this far.
    from _compat_pickle import IMPORT_MAPPING  # what pickle itself translates from Python 2

    top = module.partition(".")[0]
    return top in sys.stdlib_module_names or top in _FORMER or module in IMPORT_MAPPING


def _owners(module: str, candidates: "Sequence[_Installed]") -> list[str]:
    if not all(part.isidentifier() for part in module.split(".")):
        return []  # a forger's; it might be a path
    found = [one.name for one in candidates if one.has(module)]
    if found or not candidates:
        return found
    # It may be made when what is above it is imported: by a module (six.moves), or by an extension module.
    parts = module.split(".")
    for length in range(len(parts) - 1, 0, -1):
        above = ".".join(parts[:length])
        found = [one.name for one in candidates if one.has(above, as_file=True)]
        if found or any(one.has(above) for one in candidates):
            return found  # nothing where its folder is there, and it is not in it
    return []


class _Installed:
    """One installed package and the files that it owns."""

    def __init__(self, name: str, place: Path) -> None:
        self.name = name
        self._place = place

    @cached_property
    def _record(self) -> bytes:
        """The list of its files, one a line that ends in a comma or more; the paths begin beside its metadata."""
        try:
            return b"\n" + (self._place / "RECORD").read_bytes()
        except OSError:  # none was left, or it may not be read
            pass
        try:
            listed = (self._place / "installed-files.txt").read_bytes()
        except OSError:
            return b""
        return b"".join(b"\n" + line.removeprefix(b"../") + b"," for line in listed.splitlines())

    @cached_property
    def _roots(self) -> list[tuple[str, Path]]:
        """Where its modules are that it does not list: each by its top-level module, or by an empty name all."""
        roots: list[tuple[str, Path]] = []
        record = self._record
        if not record:
            tops = self._text("top_level.txt").split() or [self.name.replace("-", "_")]
            roots += ((top, self._place.parent / top) for top in tops)
        if b".pth," in record:
            for file in re.findall(rb"\n([^/\n,]+\.pth),", record):
                lines = self._text(f"../{file.decode('utf-8', 'replace')}").splitlines()
                roots += (("", Path(line)) for line in lines if Path(line).is_absolute())
        if b"\n__editable___" in record:
            for file in re.findall(rb"\n(__editable___[^/\n,]+_finder\.py),", record):
                roots += _mapped(self._text(f"../{file.decode('utf-8', 'replace')}"))
        if not roots and (folder := self._editable_folder()):
            roots += (("", folder / "src"), ("", folder))
        return roots

    def _editable_folder(self) -> Path | None:
        """Return the folder of an editable installation, by its direct_url.json (PEP 610)."""
        try:
            direct = json.loads(self._text("direct_url.json") or "{}")
            editable = direct["dir_info"]["editable"]
            place = urlsplit(direct["url"]).path if editable else None
        except (ValueError, LookupError, TypeError, AttributeError):
            return None
        if place is None:
            return None
        # Imported here: it brings HTTP along, and few packages are editable.
        from urllib.request import url2pathname

        return Path(url2pathname(place))

    @cached_property
    def _tops(self) -> frozenset[bytes]:
        return frozenset(_TOP.findall(self._record))

    def may_have(self, top: str) -> bool:
        """Tell whether a module below this top-level name may be its own."""
        return top.encode() in self._tops or bool(self._roots)

    def has(self, module: str, *, as_file: bool = False) -> bool:
        """Tell whether it owns a module. as_file: as a file of its own, and not as a package's folder."""
        path = module.replace(".", "/").encode()
        if any(b"\n" + path + suffix in self._record for suffix in (b".py,", b".pyc,")):
            return True
        if self._lists_binary(b"\n" + path + b"."):
            return True
        if not as_file and b"\n" + path + b"/__init__." in self._record:
            return True
        return any(_lies_in(*root, module, as_file=as_file) for root in self._roots)

    def has_extension(self, module: str) -> bool:
        """Tell whether it owns an extension module that is called so, in whatever folder."""
        return "." not in module and self._lists_binary(f"/{module}.".encode())

    def _lists_binary(self, start: bytes) -> bool:
        at = self._record.find(start)
        while at >= 0:
            ending = self._record[at + len(start) - 1 : self._record.find(b",", at)]
            if ending.endswith(_BINARY) and b"/" not in ending:
                return True
            at = self._record.find(start, at + 1)
        return False

    def _text(self, name: str) -> str:
        try:
            return (self._place / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def _lies_in(top: str, place: Path, module: str, *, as_file: bool) -> bool:
    """Tell whether a module is at a place: that of the module `top`, or of all where it is empty."""
    first, *rest = module.split(".")
    if top and top != first:
        return False
    path = place.joinpath(*rest) if top else place.joinpath(first, *rest)
    if top and not rest and place.is_file():
        return True
    return any(_files(path)) or (not as_file and any(_files(path / "__init__")))


def _files(path: Path) -> Iterator[Path]:
    """Yield the files that are a module of this path."""
    candidates = (path.with_name(f"{path.name}.py"), *path.parent.glob(f"{path.name}.*"))
    yield from (one for one in candidates if one.suffix in (".py", ".so", ".pyd") and one.is_file())


def _mapped(finder: str) -> list[tuple[str, Path]]:
    """Return where the finder that setuptools writes for an editable installation sends top-level modules."""
    # Imported here: few packages are installed so.
    import ast

    try:
        mapping = ast.literal_eval(found[1]) if (found := _MAPPING.search(finder)) else {}
        return [(name, Path(place)) for name, place in mapping.items() if isinstance(name, str)]
    except (ValueError, SyntaxError, TypeError, AttributeError, RecursionError, MemoryError):
        return []
