"""From what the probe found on disk to packages; one damaged package costs a remark, never the capture."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from modelreg.digest import is_sha256
from modelreg.environment.record import TOOLING, Origin, Package, is_name, is_word, normalized

_OF_DEBIAN = r"/usr/lib/[^/]+/dist-packages"
_UNTOLD = Origin("unknown")
"""That of a package whose direct_url.json is damaged; no record has it."""


class Duplicate(NamedTuple):
    """A distribution that another of the same name, which stands earlier on the path, hides.

    shadowed: it lies in another folder; else both lie in one, as after an interrupted installation.
    """

    name: str
    version: str
    first: str
    shadowed: bool


class Distributions(NamedTuple):
    """What the probe found, made sense of.

    packages: sorted by name. remarks: what was odd. duplicates: what another distribution hides.
    places: the folder or file of each package's metadata, by name. editable: the folder that an editable package's
    modules are imported from, by name. Both are paths of the machine that was read. unplaced: the packages whose
    direct_url.json is damaged, so that where they came from cannot be told.
    """

    packages: tuple[Package, ...]
    remarks: tuple[str, ...]
    duplicates: tuple[Duplicate, ...]
    places: Mapping[str, str]
    editable: Mapping[str, str]
    unplaced: frozenset[str] = frozenset()


def read_distributions(found: Iterable[Mapping[str, Any]]) -> Distributions:
    """Make sense of what the probe found.

    Of several distributions of one name the first on the path counts, as it does for an import.
    """
    distributions = list(found)
    linked = {dist["target"] for dist in distributions if "target" in dist}
    packages: dict[str, Package] = {}
    folders: dict[str, str] = {}
    places: dict[str, str] = {}
    editable: dict[str, str] = {}
    unplaced: list[str] = []
    remarks: list[str] = []
    duplicates: list[Duplicate] = []
    for dist in distributions:
        package = None if "target" in dist else _package(dist, remarks)
        if package is None:
            continue
        folder = dist["folder"]
        is_placed = package.origin != _UNTOLD
        package = package if is_placed else package._replace(origin=None)
        if package.origin is None and (folder in linked or _lies_beside_its_sources(dist)):
            package = package._replace(origin=Origin("editable"))
        first = packages.setdefault(package.name, package)
        if first is package:
            folders[package.name] = folder
            if not is_placed and package.origin is None:
                unplaced.append(package.name)
            # An unpacked egg is named by its own folder.
            places[package.name] = f"{folder}{os.sep}{'EGG-INFO' if folder.endswith('.egg') else dist['file']}"
            if package.origin is not None and package.origin.kind == "editable":
                editable[package.name] = folder if folder in linked else _local_folder(dist) or folder
            continue
        shadowed = folders[package.name] != folder
        # The same version in another folder is what an editable project's own .egg-info looks like, and in one folder
        # what some of Debian's packages do, with metadata in two formats.
        is_alike = first.version == package.version and (shadowed or package.origin == Origin("distribution"))
        if package.name not in TOOLING and not is_alike:
            duplicates.append(Duplicate(package.name, package.version, first.version, shadowed))
            remarks.append(
                f"{package.name} is there twice, {first.version} and {package.version}; the first on the path counts"
            )
    ordered = tuple(packages[name] for name in sorted(packages))
    return Distributions(ordered, tuple(remarks), tuple(duplicates), places, editable, frozenset(unplaced))


def _lies_beside_its_sources(dist: Mapping[str, Any]) -> bool:
    """Tell whether this is what setuptools leaves in a project's own folder, which is on the path: PYTHONPATH=src."""
    if not dist["file"].endswith(".egg-info") or "installer" in dist:
        return False
    folder = PurePath(dist["folder"])
    return folder.name not in ("site-packages", "dist-packages") and folder.suffix != ".egg"


def redacted(url: str) -> str | None:
    """Return a URL without password, query and fragment; None where it is local or no URL.

    A user name stays for SSH alone, where it is no secret and is needed.
    """
    # Imported here: few packages are from a URL.
    from urllib.parse import urlsplit, urlunsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", "ssh", "git") or not host:
        return None
    user = f"{parts.username}@" if parts.scheme == "ssh" and parts.username else ""
    location = f"{user}{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
    return urlunsplit((parts.scheme, location, parts.path, "", ""))


def _package(dist: Mapping[str, Any], remarks: list[str]) -> Package | None:
    """Return the package that a distribution is, or None where it cannot be told."""
    file = _printable(dist["file"])
    if "zip" in dist:
        remarks.append(f"{file} is a file on the path; packages in it are not recorded")
        return None
    if file.startswith("~"):
        remarks.append(f"{file} is left over from an interrupted installation, so it was left out")
        return None
    name, version = dist.get("name", ""), dist.get("version", "")
    complete = is_name(name) and is_word(version)
    if not complete:
        of_folder = _named(file)
        name, version = name if is_name(name) else of_folder[0], version if is_word(version) else of_folder[1]
    if not is_name(name) or not is_word(version):
        remarks.append(f"{file} has no valid name or no valid version, so it was left out")
        return None
    if "error" in dist:
        remarks.append(f"the metadata of {name} cannot be read: {dist['error']}; its folder's name was taken")
    elif "latin1" in dist:
        remarks.append(f"the metadata of {name} is not UTF-8")
    elif not complete:
        remarks.append(f"the metadata of {name} lacks a valid name or version; its folder's name was taken")
    try:
        origin = _origin(dist)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        remarks.append(f"the direct_url.json of {name} is damaged, so where it came from is unknown")
        origin = _UNTOLD
    canonical = normalized(name)
    return Package(
        canonical,
        version,
        None if name == canonical else name,
        origin,
        _requires(dist),
        None if origin is not None and origin.kind == "editable" else dist.get("record"),
        _words(dist.get("tags")),
        _installer(dist),
        dist.get("requested"),
    )


def _requires(dist: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return what a distribution needs; an .egg-info folder says so in a file of its own."""
    if dist.get("requires_txt"):
        return tuple(_egg_requirements(dist["requires_txt"].splitlines()))
    lines = dist.get("requires")
    return None if lines is None else tuple(line for line in lines if line and line.isprintable())


def _egg_requirements(lines: Iterable[str]) -> Iterator[str]:
    """Read requires.txt, whose sections are extras and markers: `[socks:python_version < "3.8"]`."""
    condition = ""
    for line in map(str.strip, lines):
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            parts = [f"({marker})" if extra and marker else marker, f'extra == "{extra}"' if extra else ""]
            condition = " and ".join(part for part in parts if part)
        elif line and line.isprintable():
            yield f"{line} ; {condition}" if condition else line


def _words(words: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(word for word in words if is_word(word))


def _installer(dist: Mapping[str, Any]) -> str | None:
    installer = dist.get("installer")
    return installer if isinstance(installer, str) and is_word(installer) else None


def _local_folder(dist: Mapping[str, Any]) -> str | None:
    """Return the folder of this machine that a direct_url.json names."""
    # Imported here: it takes longer than reading a whole environment, and few hold anything editable.
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        return url2pathname(urlsplit(json.loads(dist["direct_url"])["url"]).path)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _named(file: str) -> tuple[str, str]:
    """Take name and version from a file's name; that of an .egg-info goes on with the Python it is for."""
    if file.endswith(".dist-info"):
        name, _, version = file.removesuffix(".dist-info").partition("-")
        return name, version
    name, _, version = file.removesuffix(".egg-info").removesuffix(".egg").partition("-")
    return name, version.partition("-")[0]


def _origin(dist: Mapping[str, Any]) -> Origin | None:
    if dist.get("installer") == "conda":
        return Origin("conda")  # its direct_url.json names a folder of the machine that built it
    if "direct_url" in dist:
        return _direct_origin(json.loads(dist["direct_url"]))
    if dist.get("installer") == "rpm" or re.fullmatch(_OF_DEBIAN, dist["folder"]):
        return Origin("distribution")
    return None


def _direct_origin(direct: Mapping[str, Any]) -> Origin:
    """Read direct_url.json (PEP 610)."""
    url = redacted(_word(direct["url"]))
    subdirectory = _optional_word(direct.get("subdirectory"))
    if "vcs_info" in direct:
        vcs = direct["vcs_info"]
        revision = _optional_word(vcs.get("requested_revision"))
        return Origin("vcs", url, _word(vcs["vcs"]), _word(vcs["commit_id"]), revision, subdirectory)
    if "dir_info" in direct:
        return Origin("editable" if direct["dir_info"].get("editable") else "directory")
    archive = direct["archive_info"]
    sha256 = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").partition("sha256=")[2]
    return Origin("archive", url, subdirectory=subdirectory, sha256=sha256 if is_sha256(sha256) else None)


def _optional_word(value: object) -> str | None:
    return None if value is None else _word(value)


def _word(value: object) -> str:
    if not isinstance(value, str) or not is_word(value):
        raise TypeError("no text without white space")
    return value


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
