"""What commands are about: references, pulled manifests, or what the project names."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from modelreg.cli.checked import Checked
from modelreg.cli.output import say_seen
from modelreg.errors import ModelregError, UnreachableError, UsageError
from modelreg.paths import MANIFEST
from modelreg.registry import Registry
from modelreg.settings import project_exceptions, project_line, project_models

if TYPE_CHECKING:
    from modelreg.environment.policy import Terms
    from modelreg.export.subject import Subject
    from modelreg.registry.verify import EnvironmentReport, Found


class Wanted(NamedTuple):
    """A model to check. where: the file and the line that ask for it."""

    reference: str
    where: tuple[str, int] | None = None


class Failure(NamedTuple):
    """A model that could not be checked, and why."""

    wanted: Wanted
    error: ModelregError


def reports(
    references: list[str], checked: Checked, registry: str | None, terms: "Terms", at: str | None = None
) -> "tuple[list[EnvironmentReport], list[Failure]]":
    """Check each model that is named, or else found, against one environment, a lock, or the image that it names.

    A model that cannot be checked keeps none of the others from being checked. at: the versions that aliases pointed
    at then.

    Raises:
        UsageError: there is nothing to check, or `at` is given for what is the same version at any time.
        ModelregError: what is checked, the same for every model, cannot be read.
    """
    from modelreg.registry.verify import is_path

    wanted = _wanted(references, at)
    captured = cache(checked.capture)
    found: list[EnvironmentReport] = []
    failures: list[Failure] = []
    unreachable: UnreachableError | None = None
    for one in wanted:
        try:
            if is_path(one.reference):
                made = _pulled(one.reference, checked, captured, terms)
            elif unreachable is not None:
                raise unreachable  # to be told so once more takes as long as it took to find out
            else:
                made = _registered(InRegistry(registry, one.reference, at), checked, captured, terms)
        except ModelregError as error:
            asked = captured.cache_info()
            if asked.misses > asked.currsize:  # what is checked cannot be read, for no model
                raise
            if isinstance(error, UnreachableError):
                unreachable = error
            failures.append(Failure(one, error))
        else:
            found.append(made if checked.lock is not None else made._replace(where=one.where))
    return found, failures


def _wanted(references: list[str], at: str | None) -> "list[Wanted]":
    """Return what is named, else what the project names, else what was pulled.

    Raises:
        UsageError: as `reports`.
    """
    from modelreg.registry.verify import is_path

    wanted = [Wanted(reference) for reference in references] or _of_the_project() or _pulled_below(Path())
    if not wanted:
        raise UsageError(
            "nothing to check: name a version (modelreg verify-env fraud:3), list models under [tool.modelreg.models] "
            f"in pyproject.toml, or run it where a {MANIFEST} was pulled"
        )
    pulled = [one.reference for one in wanted if is_path(one.reference)]
    if at is not None and pulled:
        raise UsageError(
            f"{pulled[0]} was pulled, and is the same version at any time; ask for an alias, as in fraud@production"
        )
    return wanted


class InRegistry(NamedTuple):
    """A version that a registry is asked for. at: the one that its alias pointed at then."""

    registry: str | None
    reference: str
    at: str | None


def _pulled(path: str, checked: Checked, captured: "Callable[[], Found]", terms: "Terms") -> "EnvironmentReport":
    from modelreg.registry.verify import read_pulled, verify_pulled

    manifest = read_pulled(Path(path))
    if checked.is_recorded:
        found, terms = checked.recorded(manifest.images, manifest.reference, manifest.groups, terms)
        return verify_pulled(manifest, found, terms)
    return verify_pulled(manifest, captured(), terms)


def _registered(
    asked: InRegistry, checked: Checked, captured: "Callable[[], Found]", terms: "Terms"
) -> "EnvironmentReport":
    opened = Registry.open(asked.registry)
    try:
        version = opened.resolve(asked.reference, at=asked.at)
    except UnreachableError as error:
        # What the cache holds is never taken for a match unasked: the version may have been deleted since.
        raise UnreachableError(f"{error}; MODELREG_OFFLINE=1 checks against what was last seen of it") from None
    found: Found | Callable[[], Found] = captured
    if checked.is_recorded:
        found, terms = checked.recorded(version.images, version.reference, version.record.groups, terms)
    report = opened.verify_env(
        version,
        environment=found,
        policy=terms.policy,
        group=terms.group,
        allow_unchecked=terms.allow_unchecked,
        deep=terms.deep,
    )
    say_seen(opened.last_seen, asked.reference)
    return report


def terms(policy: str, group: str | None, *, allow_unchecked: bool = False, deep: bool = False) -> "Terms":
    """Return the terms of a check: what the options say, and the exceptions of the nearest pyproject.toml.

    Raises:
        UsageError: there is no such policy, or an exception is not written as one.
    """
    from modelreg.environment.policy import Policy, read_waivers
    from modelreg.registry.verify import todays

    agreed = Policy.parse(policy, read_waivers(project_exceptions()))
    return todays(agreed, group, allow_unchecked=allow_unchecked, deep=deep)


def _of_the_project() -> list[Wanted]:
    models = project_models()
    return [
        Wanted(f"{model}{'' if version[:1] in ('@', ':') else ':'}{version}", project_line(model))
        for model, version in models.items()
    ]


def subject(reference: str, group: str | None, registry: str | None) -> "Subject":
    """Return what is to be exported or made anew: a version of the registry, or a pulled one.

    Raises:
        UsageError, NotFoundError: there is no such version, or it has no such group.
    """
    from modelreg.export.subject import subject_of
    from modelreg.registry.verify import is_path, read_pulled

    if not is_path(reference):
        from modelreg.cli.versions import open_version

        opened, version = open_version(registry, reference)
        return subject_of(opened.show(version), group)
    return subject_of(read_pulled(Path(reference)), group)


def _pulled_below(folder: Path) -> list[Wanted]:
    """Return every pulled manifest below a folder; hidden folders and environments are passed over."""
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != "." and not Path(here, name, "pyvenv.cfg").exists())
        if MANIFEST in files:
            path = str(Path(here, MANIFEST))
            found.append(Wanted(path, (path, 1)))
    return found
