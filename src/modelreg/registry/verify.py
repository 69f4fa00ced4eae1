"""Checking an environment against a version, with the registry's help or from a pulled manifest alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from modelreg.environment.capture import Capture
from modelreg.environment.compare import Comparison, Finding, compare
from modelreg.environment.record import Environment, Package
from modelreg.errors import AccessDeniedError, IntegrityError, NotFoundError
from modelreg.manifest import PulledManifest
from modelreg.paths import MANIFEST
from modelreg.registry.model import ModelReader
from modelreg.version import Version


@dataclass(frozen=True, slots=True)
class EnvironmentReport:
    """Whether a captured environment fits a version, and every difference."""

    reference: str
    comparison: Comparison
    capture: Capture

    @property
    def fits(self) -> bool:
        """Whether the environment may serve the model."""
        return self.comparison.fits

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every difference, errors first."""
        return self.comparison.findings


def verify_version(
    version: Version, capture: Capture, model: ModelReader, environment_of: Callable[[Version], Environment]
) -> EnvironmentReport:
    """Compare an environment with a version's, and say of each pin that differs since which version it is wanted."""
    wanted = environment_of(version)
    comparison = compare(wanted, capture.environment)
    pins = {finding.subject for finding in comparison.findings if finding.is_pin}
    read = {version.environment.digest: wanted}  # most versions share one

    def pins_of(other: Version) -> Mapping[str, Package]:
        digest = other.environment.digest
        if digest not in read:
            read[digest] = environment_of(other)
        return {package.name: package for package in read[digest].packages}

    since = {
        name: _said(first.reference, first.created)
        for name, first in _first(pins, version, _earlier(model, version.number), pins_of)
    }
    return EnvironmentReport(version.reference, _dated(comparison, since), capture)


def verify_pulled(manifest: PulledManifest, capture: Capture) -> EnvironmentReport:
    """Compare an environment with what a pulled manifest says, without the registry."""
    comparison = compare(manifest.environment, capture.environment)
    said = _said(manifest.reference, manifest.created)
    since = {finding.subject: said for finding in comparison.findings if finding.is_pin}
    return EnvironmentReport(manifest.reference, _dated(comparison, since), capture)


def read_pulled(path: Path) -> PulledManifest:
    """Read a `modelreg.yaml`, or the one in a folder.

    Raises:
        NotFoundError: there is none.
        IntegrityError: it is damaged or was edited.
    """
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
        ended = {name for name in same if pins.get(name) != wanted[name]}
        yield from ((name, first) for name in ended)
        same, first = same - ended, other
        if not same:
            return
    yield from ((name, first) for name in same)


def _dated(comparison: Comparison, since: Mapping[str, str]) -> Comparison:
    findings = (
        replace(finding, since=since[finding.subject]) if finding.is_pin else finding for finding in comparison.findings
    )
    return replace(comparison, findings=tuple(findings))


def _said(reference: str, created: str) -> str:
    return f"{reference} of {created[:10]}"
