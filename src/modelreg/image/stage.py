"""The stages of an image: `base`, what everything needs, and on top of it `train` and `serve`. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelreg.environment.record import Environment, Package

BASE, TRAIN, SERVE = "base", "train", "serve"
TARGETS = (BASE, TRAIN, SERVE)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What pip is told to install: an exact requirement (PEP 508), and the sha256 of the files that it may be."""

    text: str
    sha256: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Return it as a line of a requirements file."""
        return " \\\n    ".join([self.text, *(f"--hash=sha256:{one}" for one in self.sha256)])


@dataclass(frozen=True, slots=True)
class Stage:
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


def expectation(reference: str, environment: Environment, stage: Stage) -> dict[str, object]:
    """Return what the check in a build compares a stage with; see `modelreg.image.check`."""
    packages = {
        name: {"version": package.version} | ({"record": package.record} if package.record else {})
        for name, package in stage.expected.items()
    }
    python = environment.python
    return {
        "reference": reference,
        "stage": stage.name,
        "python": python.version,
        "implementation": python.implementation,
        "packages": packages,
    }
