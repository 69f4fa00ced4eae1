"""List what a pickle imports when it is loaded, without importing or calling any of it.

It runs as a script in a process of its own, with limits on memory and time, because what it reads may be hostile. It
needs only the standard library, imports as little of it as it can, because every registration waits for it, and writes
what it finds as it finds it, one Python literal a line: `("global", module, name)`, `("module", module)` where a whole
module is asked for, `("inner", module)` where a function that travels in the file imports one when it is called,
`("version", package, version)` and, where it came to the end, `("end",)`.

The standard library's unpickler does the work: whatever the pickle asks for, it is given an inert class that accepts
everything and does nothing. joblib writes arrays between the opcodes; they are stepped over when their wrapper has been
read, as joblib itself reads them there (joblib.numpy_pickle, NumpyArrayWrapper.read).
"""

import os
import sys

try:
    from _pickle import Unpickler  # pickle itself takes longer to import than most files to read
except ImportError:
    from pickle import Unpickler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any, Never, Protocol, Self

    class Source(Protocol):
        """What is read. It has no `peek`, so that the unpickler never reads ahead into an array."""

        def read(self, size: int = -1, /) -> bytes:
            """Read bytes."""
            ...

        def readline(self) -> bytes:
            """Read a line."""
            ...

        def skip(self, size: int) -> None:
            """Step over bytes."""
            ...


_JOBLIB_ARRAY = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_BOOSTER = ("xgboost.core", "Booster")
_BOOSTER_VERSION = b"\x07version[#L\0\0\0\0\0\0\0\x03"  # UBJSON: a list of three
_VERSION_KEYS = {"_sklearn_version": "scikit-learn"}
_IMPORTERS = (("cloudpickle.cloudpickle", "subimport"), ("dill._dill", "_import_module"))
"""Functions that import the module they are given when the pickle is loaded."""
_CODE_MAKERS = (("cloudpickle.cloudpickle", "_builtin_type"), ("dill._dill", "_create_code"))
"""Functions that make the code of a function: of arguments, among them its bytecode, constants and names, in turn."""
_IMPORT_NAME = (108, 75)
"""The instruction that imports a module, in Python up to 3.12, and in 3.13; what follows it is the number of a name."""
_END = 256  # bytes; the version is the last that XGBoost writes
_NUMPY = b"\x93NUMPY"
_STEP = 1 << 20


class Report:
    """Writes each finding once."""

    def __init__(self, write: "Callable[[tuple[str, ...]], object]") -> None:
        self._write = write
        self._seen: set[tuple[str, ...]] = set()

    def __call__(self, *finding: str) -> None:
        """Report a finding, unless it was reported before."""
        if finding not in self._seen:
            self._seen.add(finding)
            self._write(finding)


class Inert:
    """Stands in for every class, function and instance that a pickle names."""

    arguments: "tuple[Any, ...]" = ()
    state: "Any" = None

    def __new__(cls, *arguments: object, **_: object) -> "Self":
        """Accept any arguments."""
        made = super().__new__(cls)
        made.arguments = arguments
        return made

    def __init__(self, *_: object, **__: object) -> None:
        """Accept any arguments."""

    def __call__(self, *arguments: object, **_: object) -> "Inert":
        """Be called like a function."""
        return Inert(*arguments)

    def __setstate__(self, state: object) -> None:
        """Keep the state, which may tell a version, or what array comes next."""
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        """Be filled like a dictionary."""

    def append(self, item: object) -> None:
        """Be filled like a list."""

    def extend(self, items: object) -> None:
        """Be filled like a list."""

    def add(self, item: object) -> None:
        """Be filled like a set."""

    def __reduce_ex__(self, protocol: object) -> "Never":
        """Never be pickled."""
        raise TypeError


class Plain:
    """A file that can be stepped over quickly."""

    def __init__(self, file: "IO[bytes]") -> None:
        self.read = file.read
        self.readline = file.readline
        self._file = file

    def skip(self, size: int) -> None:
        """Step over bytes."""
        self._file.seek(size, os.SEEK_CUR)


class Stream:
    """A decompressed stream, which can only be read on."""

    def __init__(self, file: "Any") -> None:  # noqa: ANN401  # any of the standard library's, which share no type
        self.read = file.read
        self.readline = file.readline

    def skip(self, size: int) -> None:
        """Step over bytes."""
        while size > 0 and (piece := self.read(min(size, _STEP))):
            size -= len(piece)


class Zlib:
    """A zlib stream as a file; the standard library has one for every other compression of joblib's."""

    def __init__(self, file: "IO[bytes]") -> None:
        from zlib import decompressobj

        self._file = file
        self._decompressor = decompressobj()
        self._ready = b""

    def read(self, size: int = -1, /) -> bytes:
        """Read bytes."""
        while len(self._ready) < size and self._more():
            pass
        piece, self._ready = self._ready[:size], self._ready[size:]
        return piece

    def readline(self) -> bytes:
        """Read a line."""
        while b"\n" not in self._ready and self._more():
            pass
        return self.read(self._ready.find(b"\n") + 1 or len(self._ready))

    def _more(self) -> bool:
        data = self._decompressor.unconsumed_tail or self._file.read(_STEP)
        piece = self._decompressor.decompress(data, _STEP)
        self._ready += piece
        return bool(data or piece)


class Lister(Unpickler):
    """An unpickler that finds nothing but inert classes, and reports what it was asked for."""

    def __init__(self, source: "Source", report: Report) -> None:
        super().__init__(source)
        self._source = source
        self._report = report
        self._classes: dict[tuple[str, str], type[Inert]] = {}

    def find_class(self, module: str, name: str) -> type[Inert]:
        """Report a global, and return an inert class of its own."""
        self._report("global", module, name)
        known = self._classes.get((module, name))
        if known is None:
            known = self._classes[module, name] = self._inert_class(module, name)
        return known

    def persistent_load(self, pid: object) -> Inert:
        """Return something inert; torch refers to its tensors so, and names their storage classes."""
        return Inert(pid)

    def _inert_class(self, module: str, name: str) -> type[Inert]:
        lister = self

        class Named(Inert):
            def __setstate__(self, state: object) -> None:
                self.state = state
                lister.look_at(state)
                if (module, name) == _JOBLIB_ARRAY:
                    lister.step_over_array(state)
                elif (module, name) == _BOOSTER:
                    lister.look_into_booster(state)

        class Importing(Named):
            def __init__(self, *arguments: object, **_: object) -> None:
                if arguments and isinstance(arguments[0], str):
                    lister.report_module(arguments[0])

        class Coding(Named):
            def __init__(self, *arguments: object, **_: object) -> None:
                lister.look_into_code(arguments)

            def __call__(self, *arguments: object, **_: object) -> Inert:
                lister.look_into_code(arguments)
                return Inert(*arguments)

        if (module, name) in _CODE_MAKERS:
            return Coding
        return Importing if (module, name) in _IMPORTERS else Named

    def look_into_code(self, arguments: "tuple[Any, ...]") -> None:
        """Report the modules that a function imports when it is called."""
        for code, constants, names in zip(arguments, arguments[1:], arguments[2:], strict=False):
            if isinstance(code, bytes) and isinstance(constants, tuple) and isinstance(names, tuple):
                for number in {at for what, at in zip(code[::2], code[1::2], strict=False) if what in _IMPORT_NAME}:
                    for name in names[number::256]:  # of a larger number the rest stands in front
                        if isinstance(name, str):
                            self._report("inner", name)
                return

    def report_module(self, name: str) -> None:
        """Report a module that is imported whole."""
        self._report("module", name)

    def look_at(self, state: object) -> None:
        """Report the versions that estimators write into their state."""
        for mapping in state if isinstance(state, tuple) else (state,):
            if isinstance(mapping, dict):
                for key, package in _VERSION_KEYS.items():
                    if isinstance(mapping.get(key), str):
                        self._report("version", package, mapping[key])

    def look_into_booster(self, state: object) -> None:
        """Report the version of XGBoost that stands in what it wrote."""
        written = _end_of(state.get("handle")) if isinstance(state, dict) else b""
        at = written.rfind(_BOOSTER_VERSION)
        numbers = written[at + len(_BOOSTER_VERSION) :][:6] if at >= 0 else b""
        if numbers[::2] == b"iii":  # three times a byte's type, and a byte
            self._report("version", "xgboost", ".".join(str(number) for number in numbers[1::2]))

    def step_over_array(self, state: "Any") -> None:  # noqa: ANN401  # whatever joblib, or a forger, wrote
        """Step over the array that joblib writes behind its wrapper; an array of objects is a pickle of its own."""
        size, holds_objects = _item(state["dtype"])
        if holds_objects:
            Lister(self._source, self._report).load()
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            self._source.skip(self._source.read(1)[0])
        count = 1
        for length in state["shape"]:
            count *= length
        self._source.skip(count * size)


def _item(dtype: "Any") -> tuple[int, bool]:  # noqa: ANN401  # whatever numpy, or a forger, wrote
    """Return the size of an item of a numpy dtype in bytes, and whether it holds objects, from how it was pickled."""
    kind = dtype.arguments[0]
    state = dtype.state
    if kind[0] == "O":
        return 8, True
    sized = isinstance(state, tuple) and len(state) > 5  # noqa: PLR2004  # numpy.dtype.__setstate__
    fields = state[4] if sized else None
    objects = any(_item(field[0])[1] for field in fields.values()) if fields else False
    if sized and state[5] > 0:
        return state[5], objects
    return int(kind[1:]), objects


def _end_of(value: object) -> bytes:
    """Return the last bytes of what was pickled as such, by bytearray(…), or in old protocols by _codecs.encode(…)."""
    while isinstance(value, Inert) and value.arguments:
        value = value.arguments[0]
    if isinstance(value, str):
        return value[-_END:].encode("latin-1", "replace")
    return bytes(value[-_END:]) if isinstance(value, (bytes, bytearray)) else b""


def list_imports(path: str, report: Report) -> None:
    """Report what a file imports: a pickle, a joblib file, compressed or not, or a zip file of pickles like torch's."""
    with open(path, "rb") as file:  # noqa: PTH123  # pathlib would cost more than the rest
        start = file.read(6)
        file.seek(0)
        if start == _NUMPY:
            _list_array(Plain(file), report)
            return
        if start[:4] != b"PK\x03\x04":
            _list_pickles(_source(file, start), report)
            return
        from zipfile import ZipFile

        with ZipFile(file) as archive:
            for name in archive.namelist():
                if name.endswith((".pkl", ".pickle")):
                    with archive.open(name) as member:
                        _list_pickles(Stream(member), report)
                elif name.endswith(".npy"):
                    with archive.open(name) as member:
                        _list_array(Stream(member), report)


def _list_array(source: "Source", report: Report) -> None:
    """Read a file of numpy's (numpy.lib.format); an array of objects is a pickle behind the header."""
    start = source.read(8)
    if start[:6] == _NUMPY:
        length = int.from_bytes(source.read(2 if start[6] == 1 else 4), "little")
        if b"'|O'" in source.read(length):
            _list_pickles(source, report)


def _source(file: "IO[bytes]", start: bytes) -> "Source":
    if start[:2] == b"\x1f\x8b":
        from gzip import GzipFile

        return Stream(GzipFile(fileobj=file))
    if start[:3] == b"BZh":
        from bz2 import BZ2File

        return Stream(BZ2File(file))
    if start == b"\xfd7zXZ\0" or start[:3] == b"\x5d\0\0":
        from lzma import LZMAFile

        return Stream(LZMAFile(file))
    if start[:1] == b"\x78" and start[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
        return Stream(Zlib(file))
    return Plain(file)


def _list_pickles(source: "Source", report: Report) -> None:
    """Read one pickle after another; torch's older files hold several."""
    Lister(source, report).load()
    while True:
        try:
            Lister(source, report).load()
        except Exception:  # noqa: BLE001  # the end, or the raw tensors that follow the pickles of torch's older files
            return


def _limit(memory: int, seconds: int) -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has no such limits; the parent still limits the time
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Read the file named first, within as many bytes of memory and seconds of CPU as the next two arguments say."""
    _limit(int(sys.argv[2]), int(sys.argv[3]))
    report = Report(lambda finding: os.write(1, f"{finding!a}\n".encode()))
    try:
        list_imports(sys.argv[1], report)
    except BaseException as error:  # noqa: BLE001  # hostile bytes raise anything; what was found before still counts
        report("failed", type(error).__name__)
        return
    report("end")


if __name__ == "__main__":
    main()
