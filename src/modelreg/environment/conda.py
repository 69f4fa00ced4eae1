"""What conda knows of an environment: packages that are none of Python's, and where those of Python are from."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from modelreg.digest import is_sha256
from modelreg.environment.distribution import redacted
from modelreg.environment.record import CondaPackage, Environment, Origin, Package, is_word

_TOKEN = re.compile(r"/t/[^/]+(?=/)")
"""A token of an account, which conda puts into the path of a URL."""


def with_conda(environment: Environment, prefix: Path, places: Mapping[str, str]) -> Environment:
    """Add what `conda-meta` in the environment at `prefix` records.

    A package of Python's that conda installed gets the URL and the digest of the archive it came in.
    """
    names = {PurePath(place).name: name for name, place in places.items()}
    archives: dict[str, CondaPackage] = {}
    others = []
    for package, infos in _records(prefix / "conda-meta"):
        mine = [names[info] for info in infos if info in names]
        archives |= dict.fromkeys(mine, package)
        if not infos:
            others.append(package)

    def with_archive(package: Package) -> Package:
        archive = archives.get(package.name)
        if archive is None or package.origin is None or package.origin.kind != "conda":
            return package
        return package._replace(origin=Origin("conda", archive.url, sha256=archive.sha256))

    packages = tuple(map(with_archive, environment.packages))
    return environment._replace(packages=packages, conda=tuple(sorted(others, key=lambda package: package.name)))


def named_in(prefix: Path) -> tuple[CondaPackage, ...]:
    """Return what conda has installed in the environment at `prefix`, by the names of its records' files alone.

    To read those, which list every file, takes longer than all else. Packages of Python's are among them.
    """
    stems = (path.stem.rsplit("-", 2) for path in sorted(prefix.joinpath("conda-meta").glob("*.json")))
    return tuple(CondaPackage(*parts) for parts in stems if len(parts) == len(("name", "version", "build")))


def _records(folder: Path) -> Iterator[tuple[CondaPackage, set[str]]]:
    """Yield each package, with the names of the metadata folders it installed; damaged records are passed over."""
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_bytes())
            yield _package(record), set(_infos(record.get("files") or ()))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue


def _package(record: Mapping[str, Any]) -> CondaPackage:
    name, version, build = (record[field] for field in ("name", "version", "build"))
    if not all(isinstance(word, str) and is_word(word) for word in (name, version, build)):
        raise ValueError("no package of conda")
    url = record.get("url")
    sha256 = record.get("sha256")
    return CondaPackage(
        name,
        version,
        build,
        channel=_channel(record.get("channel")),
        url=redacted(_TOKEN.sub("", url)) if isinstance(url, str) else None,
        sha256=sha256 if isinstance(sha256, str) and is_sha256(sha256) else None,
    )


def _channel(channel: object) -> str | None:
    """Return a channel's name: of `https://conda.anaconda.org/t/<token>/conda-forge/linux-64` it is `conda-forge`."""
    if not isinstance(channel, str):
        return None
    parts = [part for part in _TOKEN.sub("", channel).split("/") if part]
    if len(parts) > 1 and re.fullmatch(r"noarch|[a-z]+-[a-z0-9_]+", parts[-1]) and "://" in channel:
        parts.pop()
    return parts[-1] if parts and is_word(parts[-1]) else None


def _infos(files: Iterable[str]) -> Iterator[str]:
    for file in files:
        parts = PurePath(file).parts
        if len(parts) > 1 and "site-packages" in parts:
            info = parts[parts.index("site-packages") + 1]
            if info.endswith((".dist-info", ".egg-info")):
                yield info
