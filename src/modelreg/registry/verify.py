"""Checking an environment against a version, with the registry's help or from a pulled manifest alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from modelreg.environment.capture import Capture
from modelreg.environment.compare import Comparison, Finding, compare
from modelreg.environment.record import Environment
from modelreg.errors import IntegrityError, NotFoundError
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
    earlier = (other for other in model.live(on_damage=lambda _: None) if other.number < version.number)
    since = {
        name: _said(first.reference, first.created) for name, first in _first(pins, version, earlier, environment_of)
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
    except OSError as error:
        raise NotFoundError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise IntegrityError(f"{file} is not UTF-8, so it is no manifest") from None
    except IntegrityError as error:
        raise IntegrityError(f"{file} {error}") from None


def _first(
    names: set[str],
    version: Version,
    earlier: Iterable[Version],
    environment_of: Callable[[Version], Environment],
) -> Iterable[tuple[str, Version]]:
    """Yield for each package the first version of the unbroken run that pins it as `version` does.

    Earlier versions are read, newest first, only for as long as a run goes on.
    """
    wanted = {package.name: package for package in environment_of(version).packages}
    same, first = names, version
    for other in earlier if names else ():
        pins = {package.name: package for package in environment_of(other).packages}
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
