"""From what the probe found on disk to packages; one damaged package costs a remark, never the capture."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from modelreg.environment.record import Origin, Package, normalized


def read_distributions(found: Iterable[Mapping[str, Any]]) -> tuple[tuple[Package, ...], tuple[str, ...]]:
    """Return the packages, sorted by name, and remarks on what was odd.

    Of several distributions of one name the first on the path counts, as it does for an import.
    """
    distributions = list(found)
    linked = {dist["target"] for dist in distributions if "target" in dist}
    packages: dict[str, Package] = {}
    remarks: list[str] = []
    for dist in distributions:
        if "target" in dist:
            continue
        name, version = _identity(dist)
        if not name or not version:
            remarks.append(f"{dist['file']} has no name or no version, so it was left out")
            continue
        package = _package(dist, name, version, remarks)
        if package.origin is None and dist["folder"] in linked:
            package = Package(package.name, version, package.raw_name, Origin("editable"))
        first = packages.setdefault(package.name, package)
        if first is not package:
            remarks.append(
                f"{package.name} is there twice, {first.version} and {version}; the first on the path counts"
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


def _identity(dist: Mapping[str, Any]) -> tuple[str, str]:
    stem = dist["file"].removesuffix(".dist-info").removesuffix(".egg-info")
    name, _, version = stem.partition("-")
    version = version.partition("-")[0]
    return dist.get("name") or name, dist.get("version") or version


def _package(dist: Mapping[str, Any], name: str, version: str, remarks: list[str]) -> Package:
    if "error" in dist:
        remarks.append(f"the metadata of {name} cannot be read: {dist['error']}; its folder's name was taken")
    elif "latin1" in dist:
        remarks.append(f"the metadata of {name} is not UTF-8")
    elif "name" not in dist or "version" not in dist:
        remarks.append(f"the metadata of {name} is incomplete; its folder's name was taken")
    canonical = normalized(name)
    try:
        origin = _origin(dist)
    except (ValueError, KeyError, TypeError, AttributeError):
        remarks.append(f"the direct_url.json of {name} is damaged, so where it came from is unknown")
        origin = None
    return Package(canonical, version, None if name == canonical else name, origin)


def _origin(dist: Mapping[str, Any]) -> Origin | None:
    if dist.get("installer") == "conda":
        return Origin("conda")  # its direct_url.json names a folder of the machine that built it
    if "direct_url" in dist:
        return _direct_origin(json.loads(dist["direct_url"]))
    if Path(dist["folder"]).match("/usr/lib/*/dist-packages"):
        return Origin("distribution")
    return None


def _direct_origin(direct: Mapping[str, Any]) -> Origin:
    """Read direct_url.json (PEP 610)."""
    url = redacted(direct["url"])
    subdirectory = direct.get("subdirectory")
    if "vcs_info" in direct:
        vcs = direct["vcs_info"]
        return Origin("vcs", url, vcs["vcs"], vcs["commit_id"], vcs.get("requested_revision"), subdirectory)
    if "dir_info" in direct:
        return Origin("editable" if direct["dir_info"].get("editable") else "directory")
    archive = direct["archive_info"]
    sha256 = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").partition("sha256=")[2]
    return Origin("archive", url, subdirectory=subdirectory, sha256=sha256 or None)
