"""Where a lock says that a package is from: repositories, files and folders."""

import os
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import url2pathname

from modelreg.digest import is_sha256
from modelreg.environment.compare import same_version
from modelreg.environment.distribution import redacted
from modelreg.environment.record import Origin, is_commit, is_name, is_word

_VCS = re.compile(r"(git|hg|svn|bzr)\+(.+)")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tar.bz2", ".tar.xz", ".tgz")
_EGG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Address(NamedTuple):
    """A place, and what it says of the package there; name and version are empty where it says none.

    loose: why it does not say exactly which bytes are there; None: it does. place: the folder or file, where that is on
    this machine.
    """

    origin: Origin
    name: str = ""
    version: str = ""
    loose: str | None = None
    place: Path | None = None


def read_address(text: str, folder: Path) -> Address:
    """Read the URL or path of a requirement. folder: that of the file it stands in, for relative paths."""
    address, _, fragment = text.partition("#")
    told = {key: values[0] for key, values in parse_qs(fragment).items()}
    egg = _EGG.match(told.get("egg", ""))
    name = egg[0] if egg else ""
    vcs = _VCS.fullmatch(address)
    if vcs:
        return _repository(vcs[1], vcs[2], name, told.get("subdirectory"))
    if PurePosixPath(unquote(urlsplit(address).path if "://" in address else address)).name.endswith(_ARCHIVES):
        found = told.get("sha256", "")
        file = archive(address, found if is_sha256(found) else None, told.get("subdirectory"), name)
        return file if is_remote(address) else file._replace(place=local_path(address, folder))
    if is_remote(address):
        return Address(Origin("archive", redacted(address)), name, loose="its address does not say what file it is")
    path = local_path(address, folder, lambda one: bool(project_of(one)[0]))
    found_name, version = project_of(path)
    return Address(Origin("directory"), name or found_name, version, place=path)


def is_remote(address: str) -> bool:
    """Tell whether an address is none of this machine."""
    return "://" in address and not address.startswith("file:")


def is_there(path: Path) -> bool:
    """Tell whether there is something at a path; there is not where no system takes it, or it is not ours to see."""
    return os.path.exists(path)  # noqa: PTH110  # unlike Path's, it raises nothing


def local_path(address: str, folder: Path, is_it: Callable[[Path], bool] = is_there) -> Path:
    """Return the path that a file's own address or path means; folder: that of the file it stands in.

    Installers take it from the working directory, which need not be that of who checks.
    """
    place = url2pathname(urlsplit(address).path) if address.startswith("file:") else address
    return next((one for one in (folder / place, Path(place)) if is_it(one)), folder / place)


def archive(url: str, sha256: str | None, subdirectory: str | None = None, name: str = "") -> Address:
    """Return what the URL or path of an archive says: the name of a wheel tells name and version."""
    file = PurePosixPath(urlsplit(url).path if "://" in url else url.replace("\\", "/")).name
    found, version = named(file)
    return Address(Origin("archive", redacted(url), subdirectory=subdirectory, sha256=sha256), name or found, version)


def named(file: str) -> tuple[str, str]:
    """Return the name and version of a wheel or a source archive; empty where its file name does not tell."""
    from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
    from packaging.version import InvalidVersion

    file = unquote(file)
    try:
        if file.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(file)
        else:
            name, version = parse_sdist_filename(file)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return "", ""
    return name, str(version)


def version_of_files(version: str, places: Iterable[str]) -> tuple[str, str | None]:
    """Return the version of an entry by the names of its wheels, and why that is not exact.

    uv installs a wheel with a label from an entry that says none. Other contradictions no installer takes.
    """
    told = {found for place in places if (found := named(place.partition("#")[0].rpartition("/")[2])[1])}
    others = {one for one in told if not same_version(one, version)}
    if not others or not version:
        return version, None
    if others == told and len(told) == 1 and same_version(min(told).partition("+")[0], version):
        return min(told), None
    return version, f"its files are of version {' and '.join(sorted(told))}, and the lock says {version}"


def vcs_origin(vcs: str, url: str, commit: str, requested: str | None, subdirectory: str | None) -> Origin:
    """Return the origin of what is at a commit of a repository."""
    return Origin("vcs", redacted(url), vcs, commit, requested, subdirectory)


def _repository(vcs: str, url: str, name: str, subdirectory: str | None) -> Address:
    place, _, path = url.partition("://")
    bare, at, revision = path.rpartition("@")
    if not at or "/" not in bare:  # what stands before a host is no revision
        bare, revision = path, ""
    origin = vcs_origin(vcs, f"{place}://{bare}", revision, None, subdirectory)
    if is_commit(revision):
        return Address(origin, name)
    said = f"{revision!r}, which is no commit and can move" if revision else "no commit"
    return Address(origin, name, loose=f"it names {said}")


def project_of(folder: Path) -> tuple[str, str]:
    """Return name and version of the project in a folder, as far as its pyproject.toml says them."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        name, version = project["name"], project.get("version", "")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", ""
    if not isinstance(name, str) or not is_name(name):
        return "", ""
    return name, version if isinstance(version, str) and is_word(version) else ""
