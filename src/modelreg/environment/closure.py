"""What packages need in turn, by the requirements that an environment records. Pure: names in, names out."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from modelreg.environment.markers import Markers, extra_of
from modelreg.environment.record import Environment, normalized

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(@?)")


class Wanted(NamedTuple):
    """A package that something needs, by its normalised name, with the extras it is wanted with."""

    name: str
    extras: frozenset[str] = frozenset()


class Closure(NamedTuple):
    """Installed packages that are needed, by normalised name.

    absent: what is needed and not installed. unknown: packages of the closure that do not say what they need.
    """

    packages: frozenset[str]
    absent: frozenset[str]
    unknown: frozenset[str]

    @property
    def complete(self) -> bool:
        """Whether every package of it says what it needs."""
        return not self.unknown


class Edges:
    """The recorded edges of an environment: `Requires-Dist`, of which only those that are walked are looked at."""

    def __init__(self, environment: Environment) -> None:
        self._requires = {package.name: package.requires for package in environment.packages}
        self._parsed: dict[str, tuple[_Line, ...] | None] = {}
        self._markers = Markers(environment)

    def closure(self, roots: Iterable[Wanted]) -> Closure:
        """Return what `roots` need, directly or in turn, themselves included; circles end where they began.

        A line that cannot be read makes its package one that does not say what it needs.
        """
        reached: set[tuple[str, str]] = set()
        unknown: set[str] = set()
        ahead = [(root.name, extra) for root in roots for extra in ("", *root.extras)]
        while ahead:
            step = ahead.pop()
            if step in reached:
                continue
            reached.add(step)
            name, extra = step
            if name in self._requires:
                for line in self._needed(name, extra, unknown):
                    ahead.append((line.name, ""))
                    ahead += ((line.name, asked) for asked in line.extras)
        names = frozenset(name for name, _ in reached)
        installed = names.intersection(self._requires)
        return Closure(installed, names - installed, frozenset(unknown))

    def direct(self, name: str) -> list[str]:
        """Return the names of what a package needs itself, without any extra, sorted; nothing where it does not say."""
        wanted = self._needed(name, "", set()) if self._requires.get(name) is not None else ()
        return sorted({one.name for one in wanted})

    def extras_of(self, name: str) -> frozenset[str]:
        """Return the extras that a package's requirements are sorted by."""
        asked = (extra_of(line.marker) for line in self._lines(name) or ())
        return frozenset(extra for extra in asked if extra is not None)

    def _needed(self, name: str, extra: str, unknown: set[str]) -> Iterator["_Line"]:
        lines = self._lines(name)
        if lines is None:
            unknown.add(name)
            return
        for line in lines:
            if not line.name:
                unknown.add(name)
            elif self._markers.hold(line.marker, extra):
                yield line

    def _lines(self, name: str) -> "tuple[_Line, ...] | None":
        """Return a package's requirements, taken apart once."""
        if name not in self._parsed:
            lines = self._requires.get(name)
            self._parsed[name] = None if lines is None else tuple(map(_line, lines))
        return self._parsed[name]


class _Line(NamedTuple):
    """A requirement taken apart; the name is empty where it is none."""

    name: str
    extras: frozenset[str]
    marker: str


def _line(requirement: str) -> _Line:
    match = _REQUIREMENT.match(requirement)
    if match is None:
        return _Line("", frozenset(), "")
    # A semicolon may be part of a URL, unless a space stands before it.
    _, _, marker = requirement[match.end() :].partition(" ;" if match[3] else ";")
    return _Line(normalized(match[1]), _normalized_extras(match[2]) if match[2] else frozenset(), marker.strip())


def _normalized_extras(extras: str) -> frozenset[str]:
    return frozenset(normalized(extra.strip()) for extra in extras.split(",") if extra.strip())
