"""Checking an environment against a version, with the registry's help or from a pulled manifest alone."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from modelreg.environment.capture import Capture
from modelreg.environment.compare import Comparison, compare, excused
from modelreg.environment.cpu import compare_cpu
from modelreg.environment.expected import Expected, Pin
from modelreg.environment.finding import Finding, Role, Severity
from modelreg.environment.policy import Policy, Terms
from modelreg.environment.record import Environment, Origin, Package
from modelreg.errors import AccessDeniedError, IntegrityError, NotFoundError, NotKeptError, UsageError
from modelreg.events import ImageNote
from modelreg.paths import MANIFEST
from modelreg.registry.hidden import ahead_of_library, hidden_findings
from modelreg.registry.inspection import code_findings, emptied_findings, file_findings, unprovided_findings
from modelreg.registry.model import ModelReader
from modelreg.version import Version

if TYPE_CHECKING:
    from modelreg.lock.reading import LockFile
    from modelreg.pulled import PulledManifest

Found: TypeAlias = "Capture | LockFile"
"""What is held against a version."""
LOCK = "lock"
"""The kind of capture that a lock file is taken for."""


class EnvironmentReport(NamedTuple):
    """Whether a captured environment fits a version, and every difference.

    where: the file and the line that ask for this check, where they do; lines: those that a finding is about, by its
    subject, as in a lock file. wanted: the packages that were compared, as the version pins them, by name.
    """

    reference: str
    comparison: Comparison
    capture: Capture
    where: tuple[str, int] | None = None
    lines: Mapping[str, tuple[str, int]] = {}
    wanted: Mapping[str, Package] = {}

    @property
    def is_lock(self) -> bool:
        """Whether a lock file was checked, and no environment."""
        return self.capture.kind == LOCK

    @property
    def target(self) -> str:
        """What was checked, as a sentence names it: `serving/.venv (Python 3.11.7)`."""
        python = f"Python {self.capture.environment.python.version}"
        return f"{self.capture.prefix} ({'for ' if self.is_lock else ''}{python})"

    @property
    def fits(self) -> bool:
        """Whether the environment may serve the model."""
        return self.comparison.fits

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every difference, errors first."""
        return self.comparison.findings


def verify_version(
    version: Version,
    found: "Found | Callable[[], Found]",
    model: ModelReader,
    environment_of: Callable[[Version], Environment],
    terms: Terms | None = None,
) -> EnvironmentReport:
    """Compare an environment with a version's, and say of each pin that differs since which version it is wanted.

    found: an environment, a lock, or what returns one of them and is called once all else has been read: an
    interpreter that was asked answers meanwhile.

    Raises:
        UsageError: the version has no such group as `terms` name.
    """
    wanted, record = environment_of(version), version.record
    expected = Expected(wanted, record.imports, record.groups, record.roles, record.capture.cpu)
    group = terms.group if terms else None
    if group is None or group in (record.groups or {}):  # else only a lock can have it
        expected.pins(expected.group(group))
    report = check(version.reference, expected, found() if callable(found) else found, terms)
    differing = {finding.subject for finding in report.findings if finding.is_pin}
    recorded = differing & {package.name for package in wanted.packages}
    read = {version.environment.digest: wanted}  # most versions share one

    def pins_of(other: Version) -> Mapping[str, Package]:
        digest = other.environment.digest
        if digest not in read:
            read[digest] = environment_of(other)
        return {package.name: package for package in read[digest].packages}

    try:
        first = dict.fromkeys(differing, version) | dict(
            _first(recorded, version, _earlier(model, version.number), pins_of)
        )
    except NotKeptError:  # offline, and earlier versions were never seen: since when is not known
        first = {}
    dated = _dated(report, {name: _said(since.reference, since.created) for name, since in first.items()})
    return _with_images(dated, version.images)


def verify_pulled(manifest: "PulledManifest", found: "Found", terms: Terms | None = None) -> EnvironmentReport:
    """Compare an environment, or a lock, with what a pulled manifest says, without the registry.

    Raises:
        UsageError: the version has no such group as `terms` name.
    """
    expected = Expected(manifest.environment, manifest.imports, manifest.groups, manifest.roles, manifest.cpu)
    report = check(manifest.reference, expected, found, terms)
    said = _said(manifest.reference, manifest.created)
    dated = _dated(report, {finding.subject: said for finding in report.findings if finding.is_pin})
    return _with_images(dated, manifest.images)


def lock_file(path: str | PathLike[str]) -> "LockFile":
    """Return a lock file, which is read when it is compared."""
    # Imported here: most checks are of an environment.
    from modelreg.lock.reading import LockFile

    return LockFile(Path(path))


def todays(
    policy: str | Policy = "exact", group: str | None = None, *, allow_unchecked: bool = False, deep: bool = False
) -> Terms:
    """Return the terms of a check that is made today.

    Raises:
        UsageError: there is no such policy, or one of its exceptions is none.
    """
    # Imported here: it takes a millisecond, and a process that only lists does not need it.
    from datetime import UTC, datetime

    policy = policy.checked() if isinstance(policy, Policy) else Policy.parse(policy)
    return Terms(policy, group, datetime.now(UTC).date().isoformat(), allow_unchecked, deep)


def check(reference: str, expected: Expected, found: "Found", terms: Terms | None = None) -> EnvironmentReport:
    """Compare an environment with what is expected of it, and look into its files where that tells more.

    Raises:
        UsageError: the model has no such group as `terms` name.
    """
    terms = terms or todays()
    if not isinstance(found, Capture):
        return _lock_report(reference, expected, found, terms)
    environment = _whole(expected, found, terms)
    comparison = compare(expected, environment, terms, found.duplicates, unplaced=found.unplaced, own=_own(found))
    more = [*hidden_findings(expected, found, comparison), *_library_findings(expected, found, terms)]
    more += [*unprovided_findings(expected.imports, found, comparison.findings), *compare_cpu(expected.cpu, found.cpu)]
    comparison = comparison.with_findings(excused(more, terms))
    for look in (code_findings, file_findings, emptied_findings):
        comparison = comparison.with_findings(look(expected, found, terms, comparison.findings))
    return EnvironmentReport(reference, comparison, found, wanted=_wanted(expected, comparison))


def _own(capture: Capture) -> Collection[str]:
    """Return the packages that are hidden somewhere, and are imported from the environment's own folders."""
    if not capture.duplicates:
        return ()
    ahead, within = ahead_of_library(capture.search), f"{os.path.realpath(capture.prefix)}{os.sep}"
    folders = {one.name: os.path.dirname(capture.places.get(one.name, "")) for one in capture.duplicates}  # noqa: PTH120
    return {name for name, folder in folders.items() if folder.startswith(within) and folder not in ahead}


def _library_findings(expected: Expected, capture: Capture, terms: Terms) -> Iterator[Finding]:
    wanted, found = expected.environment.conda, capture.environment
    if not wanted or expected.environment.platform.system != found.platform.system:
        return  # elsewhere they are others, and that the system differs has been said
    if expected.environment.platform.machine != found.platform.machine:
        return
    # Imported here: few models were made in an environment of conda's.
    from modelreg.environment.conda import named_in
    from modelreg.environment.libraries import compare_libraries

    libraries = found.conda or (named_in(Path(capture.prefix)) if capture.kind == "conda" else None)
    yield from compare_libraries(wanted, libraries, terms.policy)


def _lock_report(reference: str, expected: Expected, file: "LockFile", terms: Terms) -> EnvironmentReport:
    from modelreg.lock.comparing import compare_lock

    if terms.deep:
        raise UsageError(
            "--deep looks for installed files that were changed, and a lock has none; leave one of them out"
        )
    lock, environment, comparison = compare_lock(file, expected, terms)
    where, wanted = (lock.path, 1), _wanted(expected, comparison)
    return EnvironmentReport(reference, comparison, Capture(environment, LOCK, lock.path), where, lock.lines, wanted)


def _wanted(expected: Expected, comparison: Comparison) -> Mapping[str, Package]:
    return {name: pin.package for name, pin in expected.pins(comparison.terms.group).items()}


def _whole(expected: Expected, capture: Capture, terms: Terms) -> Environment:
    """Add the record digests and the commits that are to be compared, where a quick capture left them out.

    Where nothing may be added, what only tools need is left out, as modelreg's own packages are where it checks itself.
    """
    pins = expected.pins(expected.group(terms.group))
    tools = _tools(capture, pins) if terms.policy.strict else frozenset()

    def whole(package: Package) -> Package:
        pin = pins.get(package.name)
        if pin is None or pin.role is Role.TOOLING:
            return package
        there, here = pin.package.origin, package.origin
        if there and here and there.commit and there.kind == here.kind == "editable":
            return capture.with_commit(package, there.commit)
        if pin.package.record is None or package.record is not None:
            return package
        if not terms.policy.counts(pin.role):
            return package
        return package._replace(record=capture.record_digest(package))

    packages = (package for package in capture.environment.packages if package.name not in tools)
    return capture.environment._replace(packages=tuple(map(whole, packages)))


def _tools(capture: Capture, pins: Mapping[str, Pin]) -> frozenset[str]:
    """Return what nothing but pip, uv and modelreg needs in an environment and no model pins."""
    # Imported here: few checks are strict.
    from modelreg.environment.roles import tooling

    added = {package.name for package in capture.environment.packages} - pins.keys()
    return frozenset(tooling(capture.in_full(), pins)) & added if added else frozenset()


def is_path(reference: str) -> bool:
    """Tell whether a reference is the path of a pulled folder or manifest: it has a slash, or ends as a manifest does.

    A folder in the working directory is written `./model`.
    """
    return "/" in reference or os.sep in reference or reference.endswith((".yaml", ".yml")) or reference in (".", "..")


def read_pulled(path: Path) -> "PulledManifest":
    """Read a `modelreg.yaml`, or the one in a folder.

    Raises:
        NotFoundError: there is none.
        IntegrityError: it is damaged or was edited.
    """
    # Imported here: a version of a registry is checked without it.
    from modelreg.pulled import PulledManifest

    file = path / MANIFEST if path.is_dir() else path
    try:
        return PulledManifest.from_yaml(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"there is no manifest {file}; modelreg pull writes one") from None
    except PermissionError:
        raise AccessDeniedError(f"no permission to read {file}") from None
    except OSError as error:
        raise NotFoundError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise IntegrityError(f"{file} is not UTF-8, so it is no manifest") from None
    except IntegrityError as error:
        raise IntegrityError(f"{file} {error}") from None


def _earlier(model: ModelReader, number: int) -> Iterator[Version]:
    """Yield the live versions before `number`, newest first; damaged ones are passed over."""
    for earlier in reversed(model.fetch().numbers):
        if earlier < number:
            try:
                version = model.version(earlier)
            except (NotFoundError, IntegrityError):
                continue
            yield version


def _first(
    names: set[str], version: Version, earlier: Iterable[Version], pins_of: Callable[[Version], Mapping[str, Package]]
) -> Iterable[tuple[str, Version]]:
    """Yield for each package the first version of the unbroken run that pins it as `version` does.

    Earlier versions are read, newest first, only for as long as a run goes on.
    """
    wanted = pins_of(version)
    same, first = names, version
    for other in earlier if names else ():
        try:
            pins = pins_of(other)
        except IntegrityError:
            break  # what it pinned nobody knows, so no run goes beyond it
        ended = {name for name in same if _pinned(pins.get(name)) != _pinned(wanted[name])}
        yield from ((name, first) for name in ended)
        same, first = same - ended, other
        if not same:
            return
    yield from ((name, first) for name in same)


def _dated(report: EnvironmentReport, since: Mapping[str, str]) -> EnvironmentReport:
    findings = (
        finding._replace(since=since.get(finding.subject)) if finding.is_pin else finding for finding in report.findings
    )
    return report._replace(comparison=report.comparison._replace(findings=tuple(findings)))


def _with_images(report: EnvironmentReport, images: Mapping[str, ImageNote]) -> EnvironmentReport:
    """Say which of a version's images disagree with its pins."""
    disagreeing = [
        Finding(Severity.WARNING, "image", target, None, image.reference)
        for target, image in images.items()
        if image.fits is False
    ]
    if not disagreeing:
        return report
    return report._replace(comparison=report.comparison.with_findings(disagreeing))


def _pinned(package: Package | None) -> tuple[str, Origin | None] | None:
    return None if package is None else (package.version, package.origin)


def _said(reference: str, created: str) -> str:
    return f"{reference} of {created[:10]}"
