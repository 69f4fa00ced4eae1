"""Reading a requirements.txt, as `pip freeze`, `pip-compile` and `uv export` write it and pip takes it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg.digest import is_sha256
from modelreg.environment.closure import Edges, Wanted
from modelreg.environment.record import Environment, Origin, Package, normalized
from modelreg.lock.address import Address, read_address
from modelreg.lock.conditions import Conditions
from modelreg.lock.lines import Line, read_lines
from modelreg.lock.locked import Lock, LockDamagedError, Locked, Loose, settled

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_PATH = re.compile(
    r"(\.{0,2}[/\\]|~|[A-Za-z]:[/\\]|\.{1,2}($|\[)|[a-z+]+://|file:|[^\s@;<>=!~\[]+[/\\]"
    r"|\S*\.(whl|zip|tar\.(gz|bz2|xz)|tgz)($|\s|\[))"
)
_URL_MARKER = re.compile(r"\s+;\s*")
_EXTRAS = re.compile(r"^(.*?)\[[^\[\]]*\]$")
_SHOWN = 100  # characters of a line


def read_requirements(path: Path, environment: Environment) -> Lock:
    """Read a requirements file for the Python and platform of an environment.

    What is only constrained counts where something that is asked for needs it, by what the environment records.

    Raises:
        NotFoundError, AccessDeniedError, EnvironmentUnreadableError: a file cannot be read, or a line is none.
    """
    reader = _Reader(environment)
    asked: list[Locked | Loose] = []
    constrained: list[Locked | Loose] = []
    for line in read_lines(path):
        (constrained if line.constraint else asked).extend(reader.read(line))
    names = {one.name for one in asked}
    needed = Edges(environment).closure(Wanted(name) for name in names if name)
    counted = needed.packages | names
    pins = [one for one in constrained if one.name in counted or not one.name]
    return Lock("requirements.txt", "", *settled([*asked, *pins]))


class _Reader:
    """Reads lines for one environment."""

    def __init__(self, environment: Environment) -> None:
        self._conditions = Conditions(environment)

    def read(self, line: Line) -> Iterator[Locked | Loose]:
        if line.remote:
            yield Loose("", f"{without_secrets(line.text)} was not downloaded; include a file", line.where)
            return
        for target in line.values("-e", "--editable"):
            yield from self._placed(line, target, editable=True)
        if not line.text:
            return
        if _PATH.match(line.text):
            yield from self._placed(line, line.text, editable=False)
        else:
            yield from self._named(line)

    def _named(self, line: Line) -> Iterator[Locked | Loose]:
        """Read `numpy==2.1.0 ; python_version < "3.13"` or `numpy @ https://…`."""
        requirement = _requirement(line)
        name = normalized(requirement.name)
        holds = self._conditions.hold(str(requirement.marker) if requirement.marker else None)
        if holds is None:
            yield Loose(name, "its condition cannot be judged for another machine", line.where)
        elif holds and requirement.url:
            address = read_address(requirement.url, line.folder)
            yield _at(line, name, address, editable=False)
        elif holds:
            version = _pinned(requirement)
            if version is None:
                said = str(requirement.specifier) or "any version"
                yield Loose(name, f"the lock does not pin it: {said}", line.where)
            else:
                yield Locked(Package(name, version), line.where, _hashes(line))

    def _placed(self, line: Line, text: str, *, editable: bool) -> Iterator[Locked | Loose]:
        """Read what is given by its place alone: `./dist/x-1.0-py3-none-any.whl`, `-e git+https://…#egg=x`."""
        place, *marker = _URL_MARKER.split(text, maxsplit=1)
        name, at, rest = place.partition(" @ ")
        if at:
            place = rest
        extras = _EXTRAS.match(place)
        address = read_address(extras[1] if extras else place, line.folder)
        found = normalized(name.partition("[")[0].strip() if at else address.name)
        holds = self._conditions.hold(marker[0] if marker else None)
        if holds is None:
            yield Loose(found, "its condition cannot be judged for another machine", line.where)
        elif holds and not found:
            yield Loose("", f"{without_secrets(place)} does not say which package it is", line.where)
        elif holds:
            yield _at(line, found, address, editable=editable)


def _at(line: Line, name: str, address: Address, *, editable: bool) -> Locked | Loose:
    hashes = _hashes(line)
    if editable:
        place = address.origin
        origin = Origin("editable", place.url)
        if place.kind == "vcs" and not address.loose:
            origin = Origin("editable", place.url, place.vcs, place.commit, dirty=False)
        return Locked(Package(name, address.version, origin=origin), line.where, folder=address.folder)
    if address.loose:
        return Loose(name, address.loose, line.where)
    origin = address.origin
    if origin.kind == "archive" and origin.sha256 is None and len(hashes) == 1:
        (only,) = hashes
        origin = Origin("archive", origin.url, subdirectory=origin.subdirectory, sha256=only)
    listed = hashes or frozenset([origin.sha256] if origin.sha256 and origin.kind == "archive" else [])
    return Locked(Package(name, address.version, origin=origin), line.where, listed)


def _requirement(line: Line) -> "Requirement":
    # Imported here: other kinds of locks do without.
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(line.text)
    except (InvalidRequirement, RecursionError):
        reason = f"{without_secrets(line.text)!r} is no requirement that pip would take"
        raise LockDamagedError(line.where, reason) from None


def _pinned(requirement: "Requirement") -> str | None:
    """Return the version of `==` or `===`; None where a requirement lets more than one in."""
    exact = {
        one.version
        for one in requirement.specifier
        if one.operator == "===" or (one.operator == "==" and not one.version.endswith("*"))
    }
    return exact.pop() if len(exact) == 1 else None


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
