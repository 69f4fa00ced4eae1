"""What of a version's environment is meant: every package, or those of one of its groups."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from modelreg.environment.expected import Expected, declared_package
from modelreg.environment.record import TOOLING, Environment, Origin, Package
from modelreg.errors import UsageError
from modelreg.records import Group

BASE = "base"
"""The group that every other one includes."""


class Selected(NamedTuple):
    """One package to install, exactly.

    package: as it was observed or, with `declared`, as it was declared; its version is empty where a URL was.
    requirement: of PEP 508; None where pip cannot get it anywhere. groups: those that need it, `base` among them.
    """

    package: Package
    requirement: str | None
    groups: tuple[str, ...] = ()
    declared: bool = False

    @property
    def name(self) -> str:
        """The normalised name."""
        return self.package.name

    @property
    def version(self) -> str:
        """The version; empty where it was declared by a URL."""
        return self.package.version

    @property
    def origin(self) -> Origin | None:
        """Where it is installed from, when that is no index."""
        return self.package.origin

    def __str__(self) -> str:
        """Return it as a person would say it: `numpy 2.1.0`."""
        return f"{self.name} {self.version}".rstrip()


class Selection(NamedTuple):
    """Packages of a version's environment, sorted by name.

    environment: the whole of it. group: None means every package. groups: that the version has, by name.
    tooling: names of the packages that only install and check, and so were left out.
    """

    environment: Environment
    group: str | None
    groups: tuple[str, ...]
    pins: tuple[Selected, ...]
    tooling: tuple[str, ...] = ()

    @property
    def unavailable(self) -> tuple[Selected, ...]:
        """The pins that cannot be installed elsewhere: from local folders or files."""
        return tuple(pin for pin in self.pins if pin.requirement is None)

    @property
    def requirements(self) -> tuple[str, ...]:
        """The exact requirements that pip can install."""
        return tuple(pin.requirement for pin in self.pins if pin.requirement is not None)

    def without(self, left_out: Collection[str]) -> "Selection":
        """Return it without some pins, named as in `numpy 2.1.0`."""
        return self._replace(pins=tuple(pin for pin in self.pins if str(pin) not in left_out))

    @property
    def expected(self) -> Expected:
        """What an environment that holds exactly this is held against: every package counts."""
        packages = tuple(pin.package for pin in self.pins)
        return Expected(self.environment._replace(packages=packages, conda=()))


def select(
    environment: Environment,
    groups: Mapping[str, Group] | None = None,
    group: str | None = None,
    tooling: tuple[str, ...] = (),
) -> Selection:
    """Return what is to be installed for a group: what `base` needs and what it needs itself; without one, everything.

    tooling: what only installs and checks, beside pip, uv and modelreg; a group that needs it gets it all the same.

    Raises:
        UsageError: the version has no such group.
    """
    groups = groups or {}
    if group is not None and group not in groups:
        raise UsageError(
            f"has no group {group}, only {', '.join(sorted(groups))}"
            if groups
            else "has no groups of packages, so leave --group out"
        )
    claimed = {name: (one,) for one in groups for name in groups[one].packages}
    left_out = {
        package.name
        for package in environment.packages
        if package.name not in claimed and (package.name in TOOLING or package.name in tooling)
    }
    observed = [
        Selected(package, package.requirement, claimed.get(package.name, ()))
        for package in environment.packages
        if package.name not in left_out
    ]
    pins = [*observed, *_declared(groups)]
    if group is not None:
        pins = [pin for pin in pins if not {BASE, group}.isdisjoint(pin.groups)]
    pins.sort(key=lambda pin: (pin.name, pin.groups))
    return Selection(environment, group, tuple(sorted(groups)), tuple(pins), tuple(sorted(left_out)))


def one_version_each(selection: Selection) -> Selection:
    """Return a selection that one environment can hold.

    Raises:
        UsageError: two groups declare two versions of one package.
    """
    seen: dict[str, Selected] = {}
    for pin in selection.pins:
        other = seen.setdefault(pin.name, pin)
        if other.version != pin.version:
            raise UsageError(
                f"{pin.name} is {other.version} for {other.groups[0]} and {pin.version} for {pin.groups[0]}; "
                "choose one with --group"
            )
    return selection._replace(pins=tuple(seen.values()))


def _declared(groups: Mapping[str, Group]) -> Iterator[Selected]:
    needed: dict[str, list[str]] = {}
    for name in sorted(groups):
        for requirement in groups[name].declared:
            needed.setdefault(requirement, []).append(name)
    for requirement, names in needed.items():
        yield Selected(declared_package(requirement), requirement, tuple(names), declared=True)
