"""What a lock file would install, as a value."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from modelreg.environment.compare import same_version
from modelreg.environment.record import Package, is_name, is_word, normalized
from modelreg.errors import EnvironmentUnreadableError
from modelreg.fields import Fields

Where = tuple[str, int]
"""A file, as a person would name it, and a line of it, from 1."""


class Locked(NamedTuple):
    """A package that a lock would install.

    package.version is empty where the lock does not say it, as of a repository or a folder. hashes: the sha256 (hex) of
    the files that it may be installed from; empty: the lock lists none. place: an editable package's folder, or the
    file, on this machine. is_open: any local label fits, as `==2.1.0` takes 2.1.0+cu121, too.
    """

    package: Package
    where: Where
    hashes: frozenset[str] = frozenset()
    place: Path | None = None
    is_open: bool = False

    @property
    def name(self) -> str:
        """The normalised name of the package."""
        return self.package.name


class Loose(NamedTuple):
    """What a lock leaves open. name: of the package, normalised; empty where it may be any.

    others: the other places that it stands at, where these contradict the first. bounds: of its version
    (PEP 440), within which a pin elsewhere settles it; None: none does, as it is asked for from a place.
    """

    name: str
    reason: str
    where: Where
    others: tuple[Where, ...] = ()
    bounds: str | None = ""


class Unread(NamedTuple):
    """A file that a lock includes and that would have to be downloaded.

    names: of the packages that it may pin, normalised; None: any.
    """

    address: str
    where: Where
    names: frozenset[str] | None = None


class Index(NamedTuple):
    """A place that a lock takes packages from beside the default index.

    builds: name and version of what it has with a local label, as a folder of this machine shows; None: not known.
    """

    address: str
    where: Where
    builds: tuple[tuple[str, str], ...] | None = None


class Lock(NamedTuple):
    """A lock file, read for one Python and platform.

    kind: `requirements.txt`, `pylock.toml` or `uv.lock`. path: as a person would name it. python: the versions of
    Python that it is for (PEP 440 specifiers); None: it does not say. foreign: the environments that it is for (PEP 508
    markers), where the one that it was read for is none of them. group: its group or extra that was chosen. unread:
    files that it includes and that were not read. indexes: of its own, from which what is_open may get a label.
    """

    kind: str
    path: str
    packages: tuple[Locked, ...]
    loose: tuple[Loose, ...] = ()
    python: str | None = None
    foreign: tuple[str, ...] = ()
    group: str | None = None
    unread: tuple[Unread, ...] = ()
    indexes: tuple[Index, ...] = ()

    @property
    def lines(self) -> Mapping[str, Where]:
        """Where each package stands, by name."""
        loose = {one.name: one.where for one in self.loose if one.name}
        return loose | {locked.name: locked.where for locked in self.packages}


class LockDamagedError(EnvironmentUnreadableError):
    """A lock file that no installer would take."""

    def __init__(self, where: Where, reason: str) -> None:
        super().__init__(f"{where[0]}, line {where[1]}: {reason}; correct it, or make the lock again")


def name_and_version(fields: Fields) -> tuple[str, str]:
    """Return the normalised name and the version of an entry of a TOML lock; the version is empty where it says none.

    Raises:
        IntegrityError: one of them is none.
    """
    name, version = fields.text("name"), fields.optional_text("version") or ""
    if not is_name(name) or (version and not is_word(version)):
        raise fields.damage("name", "is no name of a package, or its version is none")
    return normalized(name), version


def files_of(fields: Fields) -> list[Fields]:
    """Return the wheels and the source archive of an entry of a TOML lock."""
    return [*fields.optional_children("wheels"), *filter(None, [fields.optional_child("sdist")])]


def place_of(file: Fields) -> str:
    """Return the name or address of a file of a TOML lock; empty where it says none."""
    names = ("name", "filename", "url", "path")
    return next(filter(None, (file.optional_text(name) for name in names)), "")


def settled(found: Iterable[Locked | Loose]) -> tuple[tuple[Locked, ...], tuple[Loose, ...]]:
    """Return one entry a package, sorted by name: what is pinned in one place settles what is loose in another.

    What is pinned in two ways is left open: no installer would take it.
    """
    by_name: dict[str, list[Locked | Loose]] = {}
    for one in found:
        by_name.setdefault(one.name, []).append(one)
    settled = [one for name in sorted(by_name) for one in (_one(name, by_name[name]) if name else by_name[name])]
    return (
        tuple(one for one in settled if isinstance(one, Locked)),
        tuple(one for one in settled if isinstance(one, Loose)),
    )


def _one(name: str, entries: list[Locked | Loose]) -> Iterator[Locked | Loose]:
    pinned = [one for one in entries if isinstance(one, Locked)]
    moving = [one for one in entries if isinstance(one, Loose) and one.bounds is None]
    if moving or not pinned:
        yield (moving or entries)[0]
        return
    exact = min(pinned, key=lambda one: (one.package.origin is None, one.is_open))
    lists = [one.hashes for one in pinned if one.hashes]
    hashes = lists[0].intersection(*lists) if lists else frozenset[str]()  # a file has to be in each
    if all(_admits(one, exact.package) for one in entries) and bool(hashes) is bool(lists):
        yield exact._replace(hashes=hashes)
    else:
        first, *others = dict.fromkeys(one.where for one in entries)
        yield Loose(name, "it is asked for in two ways", first, tuple(others))


def _admits(one: Locked | Loose, package: Package) -> bool:
    """Tell whether an entry lets in what another one pins; a version says nothing against a place that has none."""
    if isinstance(one, Loose):
        return not one.bounds or not package.version or within(package.version, one.bounds)
    asked, version = one.package, package.version
    if asked.origin != package.origin and (asked.origin is not None or not package.origin):
        return False
    if not version and asked.origin is None:
        return True
    return same_version(asked.version, version) or (
        one.is_open and same_version(asked.version, version.partition("+")[0])
    )


def within(version: str, bounds: str) -> bool:
    """Tell whether a version is within bounds (PEP 440)."""
    # Imported here: most locks bound nothing.
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        return SpecifierSet(bounds).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return version in bounds
