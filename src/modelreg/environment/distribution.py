"""From what the probe found on disk to packages; one damaged package costs a remark, never the capture."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from modelreg.digest import is_sha256
from modelreg.environment.record import TOOLING, Origin, Package, is_name, is_word, normalized


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A distribution that another of the same name, which stands earlier on the path, hides.

    shadowed: it lies in another folder; else both lie in one, as after an interrupted installation.
    """

    name: str
    version: str
    first: str
    shadowed: bool


def read_distributions(found: Iterable[Mapping[str, Any]]) -> tuple[tuple[Package, ...], tuple[str, ...]]:
    """Return the packages, sorted by name, and remarks on what was odd.

    Of several distributions of one name the first on the path counts, as it does for an import.
    """
    distributions = list(found)
    linked = {dist["target"] for dist in distributions if "target" in dist}
    packages: dict[str, Package] = {}
    folders: dict[str, str] = {}
    remarks: list[str] = []
    for dist in distributions:
        if "target" in dist:
            continue
        package = _package(dist, remarks)
        if package is None:
            continue
        if package.origin is None and dist["folder"] in linked:
            package = Package(package.name, package.version, package.raw_name, Origin("editable"))
        first = packages.setdefault(package.name, package)
        if first is package:
            folders[package.name] = dist["folder"]
        elif package.name not in TOOLING and (
            first.version != package.version or folders[package.name] == dist["folder"]
        ):
            remarks.append(
                f"{package.name} is there twice, {first.version} and {package.version}; the first on the path counts"
            )
    return tuple(packages[name] for name in sorted(packages)), tuple(remarks)


def redacted(url: str) -> str | None:
    """Return a URL without password, query and fragment; None where it is local or no URL.

    A user name stays for SSH alone, where it is no secret and is needed.
    """
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
        origin = None
    canonical = normalized(name)
    return Package(canonical, version, None if name == canonical else name, origin)


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
    if dist.get("installer") == "rpm" or PurePosixPath(dist["folder"]).match("/usr/lib/*/dist-packages"):
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
