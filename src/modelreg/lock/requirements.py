"""Reading a requirements.txt, as `pip freeze`, `pip-compile` and `uv export` write it and pip takes it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg.digest import is_sha256
from modelreg.environment.closure import Edges, Wanted
from modelreg.environment.record import Environment, Origin, Package, normalized
from modelreg.lock.address import Address, is_remote, local_path, read_address
from modelreg.lock.conditions import Conditions
from modelreg.lock.labels import labelled_builds
from modelreg.lock.lines import Line, read_lines
from modelreg.lock.locked import Index, Lock, LockDamagedError, Locked, Loose, Unread, settled, within

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_PATH = re.compile(
    r"(\.{0,2}[/\\]|~|[A-Za-z]:[/\\]|\.{1,2}($|\[)|[a-z+]+://|file:|[^\s@;<>=!~\[]+[/\\]"
    r"|[^\s@]*\.(whl|zip|tar\.(gz|bz2|xz)|tgz)($|\s|\[))"
)
_URL = re.compile(r"[a-z+]+://|file:")
_AT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\]\s*)?@\s*(?=\S)")
_EXTRAS = re.compile(r"^(.*?)\[([^\[\]]*)\]$")
_SHOWN = 100  # characters of a line
_LONGEST = 10_000  # characters of what a line asks for
_MOST = 50_000  # lines that ask for something
_DEFAULT_INDEX = re.compile(r"https://pypi\.(org|python\.org)(/|$)")
_INDEXES = ("-i", "--index-url", "--pypi-url", "--extra-index-url")


def read_requirements(path: Path, environment: Environment) -> Lock:
    """Read a requirements file for the Python and platform of an environment.

    What is only constrained counts where something that is asked for needs it, by what the environment records.

    Raises:
        NotFoundError, AccessDeniedError, EnvironmentUnreadableError: a file cannot be read, or a line is none.
    """
    reader = _Reader(environment)
    asked: list[Locked | Loose] = []
    constrained: list[Locked | Loose] = []
    for number, line in enumerate(read_lines(path)):
        if number == _MOST:
            raise LockDamagedError(line.where, f"{_MOST:,} lines before it ask for something, which is no lock")
        (constrained if line.constraint else asked).extend(reader.read(line))
    needed = Edges(environment).closure(reader.wanted)
    counted = needed.packages | needed.absent
    pins = [one for one in constrained if one.name in counted or not one.name]
    unread = (
        Unread(without_secrets(one.text), one.where, counted if one.constraint else None) for one in reader.remote
    )
    packages, loose = settled([*asked, *pins])
    return Lock("requirements.txt", "", packages, loose, unread=tuple(unread), indexes=tuple(reader.indexes))


class _Reader:
    """Reads lines for one environment.

    wanted: what lines other than constraints ask for. remote: the lines that include what would have to be downloaded.
    """

    def __init__(self, environment: Environment) -> None:
        self._conditions = Conditions(environment)
        self._names = {
            _place_of(one.origin): one.name for one in environment.packages if one.origin is not None and one.origin.url
        }
        self.wanted: list[Wanted] = []
        self.remote: list[Line] = []
        self.indexes: list[Index] = []

    def read(self, line: Line) -> Iterator[Locked | Loose]:
        if line.remote:
            self.remote.append(line)
            return
        if len(line.text) > _LONGEST:
            raise LockDamagedError(line.where, f"what it asks for is longer than {_LONGEST:,} characters")
        for target in line.values("-e", "--editable"):
            yield from self._placed(line, "", target, editable=True)
        if not line.text:
            self.indexes.extend(_indexes(line))
            return
        named = _AT.match(line.text)
        if named:
            yield from self._placed(line, named[1], line.text[named.end() :], editable=False, extras=named[2])
        elif _PATH.match(line.text):
            yield from self._placed(line, "", line.text, editable=False)
        else:
            yield from self._versioned(line)

    def _ask(self, line: Line, name: str, extras: Iterable[str]) -> None:
        if name and not line.constraint:
            self.wanted.append(Wanted(name, frozenset(normalized(extra.strip()) for extra in extras)))

    def _versioned(self, line: Line) -> Iterator[Locked | Loose]:
        """Read `numpy==2.1.0 ; python_version < "3.13"`."""
        requirement = _requirement(line)
        name, bounds = normalized(requirement.name), str(requirement.specifier)
        holds = self._conditions.hold(str(requirement.marker) if requirement.marker else None)
        if holds is not False:
            self._ask(line, name, requirement.extras)
        if holds is None:
            yield Loose(name, _UNJUDGED, line.where, bounds=bounds)
        elif holds:
            version, is_open = _pinned(requirement)
            if version is None:
                said = bounds or "any version"
                yield Loose(name, f"the lock does not pin it: {said}", line.where, bounds=bounds)
            else:
                yield Locked(Package(name, version), line.where, _hashes(line), is_open=is_open)

    def _placed(
        self, line: Line, name: str, text: str, *, editable: bool, extras: str | None = None
    ) -> Iterator[Locked | Loose]:
        """Read what is given by its place: `./dist/x-1.0-py3-none-any.whl`, `-e git+https://…#egg=x`, `x @ https://…`.

        name: the one that it is said to have; empty: none is said.
        """
        place, marker = _without_marker(text, is_named=bool(name))
        more = None if name else _EXTRAS.match(place)
        address = read_address(more[1] if more else place, line.folder)
        # What says no name is the package that the model has from there.
        found = normalized(name or address.name) or self._names.get(_place_of(address.origin), "")
        holds = self._conditions.hold(marker)
        if holds is not False:
            self._ask(line, found, (extras or (more[2] if more else "")).split(","))
        if holds is None:
            yield Loose(found, _UNJUDGED, line.where, bounds=None)
        elif editable and not holds:
            yield Loose(found, "uv takes notice of its condition, which does not hold, and pip does not", line.where)
        elif holds and not found:
            yield Loose("", f"{without_secrets(place)} does not say which package it is", line.where)
        elif holds:
            yield _at(line, found, address, editable=editable)


def _place_of(origin: Origin) -> tuple[str, str | None]:
    return (origin.url or "").removesuffix("/").removesuffix(".git"), origin.subdirectory


_UNJUDGED = "its condition cannot be judged for another machine"


def _without_marker(text: str, *, is_named: bool) -> tuple[str, str | None]:
    """Split a place from its marker, as pip does: where no name stands before a URL, a space has to follow the `;`."""
    place, _, marker = text.partition(";" if is_named or not _URL.match(text) else "; ")
    return place.strip(), marker.strip() or None


def _indexes(line: Line) -> Iterator[Index]:
    for address in line.values(*_INDEXES):
        if not _DEFAULT_INDEX.match(address):
            yield Index(without_secrets(address), line.where)
    for place in line.values("-f", "--find-links"):
        builds = None if is_remote(place) else labelled_builds(local_path(place, line.folder))
        yield Index(without_secrets(place), line.where, builds)


def _at(line: Line, name: str, address: Address, *, editable: bool) -> Locked | Loose:
    hashes = _hashes(line)
    if editable:
        place = address.origin
        origin = Origin("editable", place.url)
        if place.kind == "vcs" and not address.loose:
            origin = Origin("editable", place.url, place.vcs, place.commit, dirty=False)
        return Locked(Package(name, address.version, origin=origin), line.where, place=address.place)
    if address.loose:
        return Loose(name, address.loose, line.where, bounds=None)
    origin = address.origin
    if origin.kind == "archive" and origin.sha256 is None and len(hashes) == 1:
        (only,) = hashes
        origin = Origin("archive", origin.url, subdirectory=origin.subdirectory, sha256=only)
    listed = hashes or frozenset([origin.sha256] if origin.sha256 and origin.kind == "archive" else [])
    return Locked(Package(name, address.version, origin=origin), line.where, listed, address.place)


def _requirement(line: Line) -> "Requirement":
    # Imported here: other kinds of locks do without.
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(line.text.rstrip("; "))
    except (InvalidRequirement, RecursionError):
        reason = f"{without_secrets(line.text)!r} is no requirement that pip would take"
        raise LockDamagedError(line.where, reason) from None


def _pinned(requirement: "Requirement") -> tuple[str | None, bool]:
    """Return the version of `==` or `===`, and whether any local label fits; no version where there may be others."""
    pins = [
        one for one in requirement.specifier if one.operator in ("==", "===") and _is_exact(one.operator, one.version)
    ]
    if not pins:
        return None, False
    exact = min(pins, key=lambda one: one.operator == "==" and "+" not in one.version)
    is_open = exact.operator == "==" and "+" not in exact.version
    return (exact.version if within(exact.version, str(requirement.specifier)) else None), is_open


def _is_exact(operator: str, version: str) -> bool:
    return operator == "===" or not version.endswith("*")


def _hashes(line: Line) -> frozenset[str]:
    return frozenset(sha256s(line.values("--hash")))


def sha256s(hashes: Iterable[str]) -> Iterator[str]:
    """Yield the sha256 of hashes that are written `sha256:<hex>`."""
    for one in hashes:
        algorithm, _, digest = one.partition(":")
        if algorithm == "sha256" and is_sha256(digest.lower()):
            yield digest.lower()


def without_secrets(text: str) -> str:
    """Return a line, cut short, without the user names and passwords of the URLs in it."""
    plain = re.sub(r"(?<=://)[^/@\s]*@", "", text)
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…"
