"""The Python environments in an image's file system, and which of them its programs run in."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from modelreg.errors import EnvironmentUnreadableError, NotFoundError, UsageError
from modelreg.image.document import ImageConfig
from modelreg.image.filesystem import File, FileSystem, Folder

_LIBRARY = re.compile(r"(python|pypy)(3\.[0-9]+)t?", re.ASCII)
_EXECUTABLE = re.compile(r"(python|pypy)(3(\.[0-9]+t?)?)?", re.ASCII)
_SHEBANG = re.compile(r"#!\s*(\S+)(?:\s+(?:-S\s+)?(\S+))?")
_TRAMPOLINE = re.compile(r"'''exec'\s+\"?([^\"\s]+)")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_IMPLEMENTATIONS = {"python": "cpython", "pypy": "pypy"}


class ImagePython(NamedTuple):
    """A Python environment of an image. Paths are the image's.

    prefix: its folder. base: the prefix of the Python that it is based on, the same where it is no virtual environment.
    library: the name of the folder with Python's modules: `python3.11`, or `pypy3.10`.
    system_site: it sees the packages of its base, too.
    """

    prefix: str
    base: str
    library: str
    kind: str
    system_site: bool = False

    @property
    def minor(self) -> str:
        """The language version: `3.11`."""
        return self.library.removesuffix("t").removeprefix("python").removeprefix("pypy")

    @property
    def implementation(self) -> str:
        """`cpython` or `pypy`."""
        return _IMPLEMENTATIONS["pypy" if self.library.startswith("pypy") else "python"]


def find_pythons(files: FileSystem) -> tuple[ImagePython, ...]:
    """Return every Python environment in an image, by path."""
    found = {}
    for path, folder in files.folders():
        python = _at_prefix(files, path, folder)
        if python is not None:
            found[python.prefix] = python
    return tuple(found[prefix] for prefix in sorted(found))


def choose_python(
    files: FileSystem, config: ImageConfig, found: Sequence[ImagePython], python: str | None, image: str
) -> ImagePython:
    """Return the environment that counts.

    python: an executable or the folder of an environment in the image. Without it: the one that the image's command
    runs in, else `VIRTUAL_ENV` or `CONDA_PREFIX` of its variables, else the first on its `PATH`, else the only one.

    Raises:
        NotFoundError: `python` is no Python of the image.
        EnvironmentUnreadableError: the image has no Python.
        UsageError: it has several, and nothing says which one counts.
    """
    search = _Search(files, config, found)
    names = ", ".join(one.prefix for one in found)
    if python is not None:
        chosen = search.named(python)
        if chosen is None:
            raise NotFoundError(f"{image} has no Python at {python}; it has those of {names or 'no environment'}")
        return chosen
    chosen = next(search.said(), None)
    if chosen is not None:
        return chosen
    if not found:
        raise EnvironmentUnreadableError(f"{image} has no Python environment; name another image")
    if len(found) > 1:
        raise UsageError(f"{image} has several Python environments: {names}; choose one with --python")
    return found[0]


class _Search:
    def __init__(self, files: FileSystem, config: ImageConfig, found: Iterable[ImagePython]) -> None:
        self._files = files
        self._config = config
        self._found = {python.prefix: python for python in found}
        self._path = config.environ.get("PATH", _DEFAULT_PATH).split(":")

    def named(self, python: str) -> ImagePython | None:
        """Return the environment that a path of an executable, or of a folder, stands for."""
        real = self._files.real(python)
        return self._found.get(real or "") or self._of_executable(python)

    def said(self) -> Iterator[ImagePython]:
        """Yield what the configuration says, the most telling first."""
        candidates = [self._of_command()]
        candidates += [self._of_variable(name) for name in ("VIRTUAL_ENV", "CONDA_PREFIX")]
        candidates += [self._of_word(name) for name in ("python3", "python")]
        yield from (candidate for candidate in candidates if candidate is not None)

    def _of_variable(self, name: str) -> ImagePython | None:
        return self._found.get(self._files.real(self._config.environ.get(name, "")) or "")

    def _of_command(self) -> ImagePython | None:
        """Return the environment of the first word of the command that is Python, or a script of Python's."""
        words = [*self._config.entrypoint, *self._config.command]
        if len(words) > 1 and words[-2] in ("-c", "-lc", "-ec"):  # of a shell
            try:
                words = shlex.split(words[-1], comments=True)
            except ValueError:
                words = words[-1].split()
        found = (self._of_word(word) for word in words)
        return next((python for python in found if python is not None), None)

    def _of_word(self, word: str) -> ImagePython | None:
        if "/" in word:
            return self._of_executable(word)
        places = (f"{folder}/{word}" for folder in self._path if folder.startswith("/"))
        place = next((path for path in places if isinstance(self._files.find(path), File)), None)
        return self._of_executable(place) if place else None

    def _of_executable(self, path: str, depth: int = 0) -> ImagePython | None:
        """Return the environment that a program runs in: an interpreter, or a script that names one."""
        real = self._files.real(path)
        if real is None or not isinstance(self._files.find(path), File):
            return None
        names = {path.rpartition("/")[2], real.rpartition("/")[2]}
        if any(_EXECUTABLE.fullmatch(name) for name in names):
            return self._of_interpreter(path)
        interpreter = _interpreter_of(self._files.read(path))
        return self._of_word(interpreter) if interpreter and depth == 0 and interpreter != path else None

    def _of_interpreter(self, path: str) -> ImagePython | None:
        # A virtual environment is known by where its link lies, any other by where the link leads.
        beside = self._files.real(path.rpartition("/")[0] or "/") or ""
        for prefix in (beside, beside.rpartition("/")[0]):
            if prefix in self._found and self._found[prefix].kind == "venv":
                return self._found[prefix]
        prefix = (self._files.real(path) or "").rpartition("/")[0]
        while prefix:
            prefix = prefix.rpartition("/")[0]
            if prefix in self._found:
                return self._found[prefix]
        return None


def _at_prefix(files: FileSystem, path: str, folder: Folder) -> ImagePython | None:
    """Return the environment whose folder this is, if it is one."""
    path = path.rstrip("/")
    settings = files.read(f"{path}/pyvenv.cfg") if "pyvenv.cfg" in folder.children else None
    libraries = [name for name in files.names(f"{path}/lib") if _LIBRARY.fullmatch(name)]
    libraries += [name for name in files.names(f"{path}/lib64") if _LIBRARY.fullmatch(name) and name not in libraries]
    if settings is not None:
        said = _settings(settings)
        library = _library_of(files, path, said, libraries)
        if library is None:
            return None
        base = _base(files, path, said) or said.get("home", "").rpartition("/")[0]
        system_site = said.get("include-system-site-packages", "").lower() == "true"
        return ImagePython(path, base, library, "venv", system_site)
    # The folder of modules alone is no Python: Debian keeps packages in /usr/local/lib/python3.11 for that in /usr.
    whole = [
        name
        for name in libraries
        if any(isinstance(files.find(f"{path}/{lib}/{name}/os.py"), File) for lib in ("lib", "lib64"))
    ]
    if not whole or not isinstance(folder.children.get("bin"), Folder):
        return None
    if files.find(f"{path}/info/index.json") is not None:
        return None  # an unpacked package of conda, in its cache
    kind = "conda" if "conda-meta" in folder.children else "system"
    return ImagePython(path or "/", path or "/", _default(files, path, whole), kind)


def _library_of(files: FileSystem, path: str, said: dict[str, str], libraries: Sequence[str]) -> str | None:
    """Return the folder of a virtual environment's packages; of several, that of the version it was made with."""
    version = ".".join((said.get("version_info") or said.get("version") or "").split(".")[:2])
    fitting = [name for name in libraries if name.removesuffix("t").endswith(version)]
    return _default(files, path, fitting or list(libraries)) if libraries else None


def _default(files: FileSystem, path: str, libraries: Sequence[str]) -> str:
    """Return which of several versions `python3` is in a prefix."""
    real = (files.real(f"{path}/bin/python3") or "").rpartition("/")[2]
    return (
        real
        if real in libraries
        else max(libraries, key=lambda name: [int(part) for part in re.findall("[0-9]+", name)])
    )


def _base(files: FileSystem, path: str, said: dict[str, str]) -> str | None:
    """Return the prefix of the Python that a virtual environment is based on."""
    home = said.get("home", "")
    places = [f"{path}/bin/python3", f"{path}/bin/python", f"{home}/python3", f"{home}/python"]
    for place in places:
        real = files.real(place)
        if real is not None and not real.startswith(f"{path}/"):
            return real.rpartition("/")[0].rpartition("/")[0] or "/"
    return None


def _settings(text: bytes) -> dict[str, str]:
    """Read a pyvenv.cfg (PEP 405)."""
    pairs = (line.partition("=") for line in text.decode("utf-8", "replace").splitlines())
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def _interpreter_of(script: bytes | None) -> str | None:
    """Return what the first lines of a script name as its interpreter, if that is a Python."""
    first, _, second = (script or b"").decode("utf-8", "replace").partition("\n")
    found = _SHEBANG.match(first)
    if found is None:
        return None
    interpreter, argument = found.group(1), found.group(2)
    if interpreter.endswith("/env") and argument:
        interpreter = argument
    elif interpreter.endswith("/sh") and (trampoline := _TRAMPOLINE.match(second)):
        interpreter = trampoline.group(1)  # how pip writes a path that is too long for a first line
    return interpreter if _EXECUTABLE.fullmatch(interpreter.rpartition("/")[2]) else None
