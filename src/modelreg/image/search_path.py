"""Where a Python of an image would look for packages: its `sys.path`, as `site` makes it. Pure."""

from collections.abc import Iterator

from modelreg.image.document import ImageConfig
from modelreg.image.filesystem import FileSystem
from modelreg.image.pythons import ImagePython

PYTHONPATH, USER_SITE, SYSTEM_SITE, PTH = "pythonpath", "user-site", "system-site", "pth"


def search_path(files: FileSystem, python: ImagePython, config: ImageConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the folders and files on the path of an environment, in order, and what added to it.

    The second are words of docs/format.md: `pythonpath`, `user-site`, `system-site`, `pth`.
    """
    path: dict[str, None] = {}  # without links, each once, as Python keeps it
    added: dict[str, None] = {}

    def add(place: str, because: str | None = None) -> None:
        real = files.real(place)
        if real is not None and real not in path:
            path[real] = None
            if because is not None:
                added[because] = None

    for place in filter(None, config.environ.get("PYTHONPATH", "").split(":")):
        add(place if place.startswith("/") else f"/{place}", PYTHONPATH)
    for library in _libraries(files, python.base, python.library):
        add(library)
        add(f"{library}/lib-dynload")
    for place, because in _sites(files, python, config):
        add(place, because)
        for line in _pth_lines(files, place):
            add(line if line.startswith("/") else f"{place}/{line}", PTH)
    return tuple(path), tuple(sorted(added))


def _sites(files: FileSystem, python: ImagePython, config: ImageConfig) -> Iterator[tuple[str, str | None]]:
    if python.kind == "venv":
        yield from ((f"{library}/site-packages", None) for library in _libraries(files, python.prefix, python.library))
    if python.kind == "venv" and not python.system_site:
        return
    because = SYSTEM_SITE if python.kind == "venv" else None
    if not config.environ.get("PYTHONNOUSERSITE"):
        home = config.environ.get("PYTHONUSERBASE") or f"{_home(files, config)}/.local"
        user = f"{home}/lib/{python.library}/site-packages"
        if files.is_folder(user):
            yield user, USER_SITE
    if python.base == "/usr" and files.is_folder("/usr/lib/python3/dist-packages"):  # Debian's own
        yield f"/usr/local/lib/{python.library}/dist-packages", because
        yield "/usr/lib/python3/dist-packages", because
        yield f"/usr/lib/{python.library}/dist-packages", because
        return
    if python.base == "/usr":  # that of Fedora and its relatives; elsewhere there is nothing
        yield from (
            (f"{library}/site-packages", because)
            for library in _libraries(files, "/usr/local", python.library)
            if not files.is_folder(f"{library}/lib-dynload")
        )
    yield from ((f"{library}/site-packages", because) for library in _libraries(files, python.base, python.library))


def _libraries(files: FileSystem, prefix: str, library: str) -> list[str]:
    folders = (f"{prefix.rstrip('/')}/{lib}/{library}" for lib in ("lib64", "lib"))
    return [folder for folder in folders if files.is_folder(folder)]


def _pth_lines(files: FileSystem, site: str) -> Iterator[str]:
    """Yield what the .pth files of a folder add; lines of code are not run."""
    for name in files.names(site):
        if name.endswith(".pth") and not name.startswith("."):
            for line in (files.read(f"{site}/{name}") or b"").decode("utf-8", "replace").splitlines():
                if line.strip() and not line.startswith(("#", "import ", "import\t")):
                    yield line.rstrip()


def _home(files: FileSystem, config: ImageConfig) -> str:
    if config.environ.get("HOME"):
        return config.environ["HOME"]
    user = config.user.partition(":")[0] or "0"
    for line in (files.read("/etc/passwd") or b"").decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) == 7 and user in (fields[0], fields[2]):  # noqa: PLR2004  # as passwd(5) has it
            return fields[5]
    return "/root" if user in ("0", "root") else "/"
