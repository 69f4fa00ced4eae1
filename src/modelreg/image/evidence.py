"""What the files of an image say of its Python and its C library. What they do not say is None, never guessed."""

import re
from collections.abc import Iterator

from modelreg.environment.record import Platform, Python
from modelreg.image.document import ImageConfig, parse_json
from modelreg.image.filesystem import FileSystem
from modelreg.image.pythons import ImagePython

_PATCHLEVEL = re.compile(r'#\s*define\s+PY_VERSION\s+"([^"]+)"')
_RELEASE = re.compile(r"3\.[0-9]+\.[0-9]+(?:(?:a|b|rc)[0-9]+)?", re.ASCII)
_FOLDER = re.compile(r"(?:^|[-/])(3\.[0-9]+\.[0-9]+(?:(?:a|b|rc)[0-9]+)?)(?=[-+/]|$)", re.ASCII)
_SUFFIX = re.compile(r"\.((?:cpython|pypy)[0-9]*-[0-9A-Za-z_.-]+)\.so")


def read_python(files: FileSystem, python: ImagePython, config: ImageConfig) -> tuple[Python, str | None]:
    """Return the interpreter of an environment, and a remark where its patch level rests on weak evidence."""
    for version in _versions(files, python, config):
        # Evidence of another minor version is of another Python.
        if version and _RELEASE.fullmatch(version) and version.startswith(f"{python.minor}."):
            return Python(version, python.implementation, _soabi(files, python)), None
    made_with = _made_with(files, python)
    if made_with:
        remark = f"that Python is {made_with} is known only from when {python.prefix} was made; it may be newer now"
        return Python(made_with, python.implementation, _soabi(files, python)), remark
    remark = f"the image does not say which patch level of Python {python.minor} it has"
    return Python(python.minor, python.implementation, _soabi(files, python)), remark


def read_platform(files: FileSystem, config: ImageConfig) -> Platform:
    """Return the platform of an image, with its C library where the image says which."""
    libc, version = _libc(files) if config.platform.system == "linux" else (None, None)
    return Platform(config.platform.system, config.platform.machine, libc, version)


def _versions(files: FileSystem, python: ImagePython, config: ImageConfig) -> Iterator[str | None]:
    """Yield the versions that files name, the best evidence first."""
    for prefix in dict.fromkeys((python.base, python.prefix)):
        header = files.read(f"{prefix}/include/{python.library}/patchlevel.h") or b""
        found = _PATCHLEVEL.search(header.decode("utf-8", "replace"))
        yield found.group(1).rstrip("+") if found else None
    yield _of_conda(files, python)
    if python.base in ("/usr", "/"):
        yield _of_distribution(files, python)
    yield from _FOLDER.findall(python.base)
    yield from _of_program(files, python)
    if python.base == "/usr/local":
        yield config.environ.get("PYTHON_VERSION")  # of Docker's own images of Python


def _of_conda(files: FileSystem, python: ImagePython) -> str | None:
    for name in files.names(f"{python.base}/conda-meta"):
        if name.startswith(f"python-{python.minor}.") and name.endswith(".json"):
            data = parse_json(files.read(f"{python.base}/conda-meta/{name}") or b"{}")
            return str(data.get("version")) if isinstance(data, dict) else None
    return None


def _of_distribution(files: FileSystem, python: ImagePython) -> str | None:
    """Return the version that Debian's or Alpine's list of packages has."""
    installed = _installed(files)
    for name in (f"{python.library}-minimal", f"lib{python.library}-stdlib", f"python-{python.minor}", "python3"):
        found = _RELEASE.match(installed.get(name, ""))
        if found:
            return found.group()
    return None


def _of_program(files: FileSystem, python: ImagePython) -> Iterator[str]:
    """Yield the versions that stand in the interpreter itself, or in its library."""
    places = [f"{python.base}/bin/{python.library}"]
    for folder in (
        f"{python.base}/lib",
        *(f"/usr/lib/{name}" for name in files.names("/usr/lib") if "-linux-" in name),
    ):
        places += [f"{folder}/{name}" for name in files.names(folder) if name.startswith(f"lib{python.library}.so")]
    for place in places:
        found = {one for one in (files.read(place) or b"").decode().split() if one.startswith(f"{python.minor}.")}
        if len(found) == 1:
            yield from found


def _made_with(files: FileSystem, python: ImagePython) -> str | None:
    text = (files.read(f"{python.prefix}/pyvenv.cfg") or b"").decode("utf-8", "replace")
    found = re.search(rf"^version(?:_info)?\s*=\s*({re.escape(python.minor)}\.[0-9]+)", text, re.MULTILINE)
    return found.group(1) if found else None


def _soabi(files: FileSystem, python: ImagePython) -> str | None:
    """Return the tag of extension modules, from the names of those that come with Python."""
    for folder in ("lib", "lib64"):
        for name in files.names(f"{python.base}/{folder}/{python.library}/lib-dynload"):
            found = _SUFFIX.search(name)
            if found:
                return found.group(1)
    return None


def _libc(files: FileSystem) -> tuple[str | None, str | None]:
    for folder in ("/lib", "/usr/lib", "/lib64", "/usr/lib64"):
        if any(name.startswith("ld-musl-") for name in files.names(folder)):
            return "musl", None  # whose version a running Python cannot tell either
    for folder in _library_folders(files):
        for name in files.names(folder):
            if name == "libc.so.6" or re.fullmatch(r"libc-2\.[0-9]+\.so", name):
                version = (files.read(f"{folder}/{name}") or b"").decode().split()
                if version:
                    return "glibc", version[0]
    found = re.match(r"[0-9]+\.[0-9]+", _installed(files).get("libc6", ""))
    return ("glibc", found.group()) if found else (None, None)


def _library_folders(files: FileSystem) -> Iterator[str]:
    for folder in ("/lib", "/lib64", "/usr/lib", "/usr/lib64"):
        yield folder
        yield from (f"{folder}/{name}" for name in files.names(folder) if "-linux-gnu" in name)


def _installed(files: FileSystem) -> dict[str, str]:
    """Return the versions of the packages that Debian's or Alpine's list has, without epochs."""
    texts = [files.read("/var/lib/dpkg/status") or b""]
    texts += [files.read(f"/var/lib/dpkg/status.d/{name}") or b"" for name in files.names("/var/lib/dpkg/status.d")]
    texts += [files.read(f"{root}/lib/apk/db/installed") or b"" for root in ("", "/usr")]
    installed = {}
    for text in texts:
        name = ""
        for line in text.decode("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            if key in ("Package", "P"):
                name = value.strip()
            elif key in ("Version", "V") and name:
                installed[name] = value.strip().rpartition(":")[2]
    return installed
