"""The stages of an image: `base`, what everything needs, and on top of it `train` and `serve`. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modelreg.environment.expected import Expected, declared_package
from modelreg.environment.record import TOOLING, Environment, Package
from modelreg.errors import EnvironmentMismatchError
from modelreg.records import Group

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


def stages(expected: Expected, files_of: Callable[[str], tuple[str, ...]], *, allow_missing: bool) -> dict[str, Stage]:
    """Return the stages of a version, `base` first; without groups of packages `base` holds all of them.

    files_of: the sha256 of the files that a requirement may be installed from; none where they are not known.
    allow_missing: leave out what cannot be installed elsewhere.

    Raises:
        EnvironmentMismatchError: something cannot be installed elsewhere.
    """
    groups = expected.groups or {BASE: Group((), _all_names(expected))}
    installed = {package.name: package for package in expected.environment.packages}
    made: dict[str, Stage] = {}
    for target in TARGETS:
        group = groups.get(target, Group((), ()))
        packages = {name: installed[name] for name in group.packages if name in installed}
        unavailable = [package for package in packages.values() if package.requirement is None]
        if unavailable and not allow_missing:
            raise _unavailable(unavailable)
        texts = {package.name: package.requirement for package in packages.values() if package.requirement is not None}
        texts |= {declared_package(text).name: text for text in group.declared}
        requirements = tuple(Requirement(texts[name], files_of(texts[name])) for name in sorted(texts))
        below = made[BASE].expected if target != BASE else {}
        own = {name: packages.get(name) or declared_package(text) for name, text in texts.items()}
        made[target] = Stage(target, requirements, {**below, **own})
    return made


def _all_names(expected: Expected) -> tuple[str, ...]:
    tooling = TOOLING | frozenset(expected.roles.tooling if expected.roles else ())
    return tuple(package.name for package in expected.environment.packages if package.name not in tooling)


def _unavailable(packages: Sequence[Package]) -> EnvironmentMismatchError:
    names = ", ".join(f"{package.name} {package.version}" for package in packages)
    return EnvironmentMismatchError(
        f"{names} cannot be installed in an image, as it comes from a folder or a file of the machine that registered "
        "it; publish it and register again, or leave it out with --allow-missing"
    )
