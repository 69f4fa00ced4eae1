"""The stages of an image: `base`, what everything needs, and on top of it `train` and `serve`. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from modelreg.environment.record import Environment, Package
from modelreg.environment.selection import BASE, Selected, Selection
from modelreg.events import TARGETS


class Requirement(NamedTuple):
    """What pip is told to install: an exact requirement (PEP 508), and the sha256 of the files that it may be."""

    text: str
    sha256: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Return it as a line of a requirements file."""
        return " \\\n    ".join([self.text, *(f"--hash=sha256:{one}" for one in self.sha256)])


class Stage(NamedTuple):
    """What a stage adds to the one below it. expected: every package that it has in the end, by name."""

    name: str
    requirements: tuple[Requirement, ...]
    expected: Mapping[str, Package]

    @property
    def hashed(self) -> tuple[Requirement, ...]:
        """The requirements of which the files are known: pip takes no others beside them."""
        return tuple(one for one in self.requirements if one.sha256)

    @property
    def plain(self) -> tuple[Requirement, ...]:
        """The requirements of which no file is known."""
        return tuple(one for one in self.requirements if not one.sha256)


def requirements_text(requirements: Sequence[Requirement]) -> str:
    """Return a requirements file."""
    return "".join(f"{one.line}\n" for one in requirements)


def expectation(environment: Environment, stage: Stage) -> dict[str, object]:
    """Return what the check in a build compares a stage with; see `modelreg.image.check`.

    It is the same for every version that has the same environment, so that a build may use what it has made before.
    """
    packages = {
        name: {"version": package.version} | ({"record": package.record} if package.record else {})
        for name, package in stage.expected.items()
    }
    python = environment.python
    return {
        "stage": stage.name,
        "python": python.version,
        "implementation": python.implementation,
        "packages": packages,
    }


def stages(selection: Selection, files_of: Callable[[Selected], tuple[str, ...]]) -> dict[str, Stage]:
    """Return the stages of a version, `base` first; without groups of packages `base` holds all of them.

    selection: of every package, or of those that can be installed. files_of: the sha256 of the files that a package may
    be installed from; none where they are not known.
    """
    made: dict[str, Stage] = {}
    for target in TARGETS:
        pins = [pin for pin in needed(selection) if target in (pin.groups or (BASE,))]
        requirements = tuple(Requirement(pin.requirement, files_of(pin)) for pin in pins if pin.requirement is not None)
        below = made[BASE].expected if target != BASE else {}
        own = {pin.name: pin.package for pin in pins}
        made[target] = Stage(target, requirements, {**below, **own})
    return made


def needed(selection: Selection) -> tuple[Selected, ...]:
    """Return what an image holds: what some group needs, or, where there are no groups, everything."""
    return tuple(pin for pin in selection.pins if pin.groups or not selection.groups)
