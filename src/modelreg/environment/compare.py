"""Does an environment fit a manifest? Pure: two environments in, findings out."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from modelreg.environment.record import TOOLING, Environment, Package, Platform, Python


class Severity(StrEnum):
    """What a finding does: an error makes the environment unfit, the others are told."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference, or one thing that could not be checked.

    kind: `missing`, `version`, `origin`, `extra`, `python`, `implementation`, `abi`, `system`, `machine`, `libc`,
    `unchecked`. subject: the package's normalised name, `python` or `platform`.
    since: since which version of the model, and when, this is wanted; None where that is not known.
    """

    severity: Severity
    kind: str
    subject: str
    wanted: str | None
    found: str | None
    since: str | None = None

    @property
    def is_pin(self) -> bool:
        """Whether this is about a package that the model pins."""
        return self.kind in ("missing", "version", "origin")

    def __str__(self) -> str:
        """Say it in a sentence."""
        sentence = _SENTENCES[self.kind].format(subject=self.subject, wanted=self.wanted, found=self.found)
        return f"{sentence} (wanted since {self.since})" if self.since else sentence


_SENTENCES: Mapping[str, str] = {
    "missing": "{subject} is not installed; the model wants {wanted}",
    "version": "{subject} is {found}; the model wants {wanted}",
    "origin": "{subject} was installed from {found}; the model wants it from {wanted}",
    "extra": "{subject} {found} is installed; the model does not ask for it",
    "python": "Python is {found}; the model wants {wanted}",
    "implementation": "the interpreter is {found}; the model wants {wanted}",
    "abi": "the interpreter takes extension modules for {found}; the model wants {wanted}",
    "system": "the system is {found}; the model wants {wanted}",
    "machine": "the machine is {found}; the model wants {wanted}",
    "libc": "the C library is {found}; the model wants {wanted} or newer",
    "unchecked": "no package is pinned, so none could be compared",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome: every finding, errors first, and how much was compared."""

    findings: tuple[Finding, ...]
    compared: int
    ignored: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the environment may serve the model."""
        return not self.count(Severity.ERROR)

    def count(self, severity: Severity) -> int:
        """Return how many findings are of this severity."""
        return sum(finding.severity is severity for finding in self.findings)


def compare(wanted: Environment, found: Environment) -> Comparison:
    """Compare an environment with the one a model was registered with.

    Every pinned package counts, but for tooling; a Python of another patch level is a warning. An environment that pins
    nothing does not fit anything: a check that compared no package must not look like one that passed.
    """
    findings = [*_compare_python(wanted.python, found.python), *_compare_platform(wanted.platform, found.platform)]
    if all(finding.severity is not Severity.ERROR for finding in findings):
        # Where Python or the platform differs the tag does, too, and saying it twice helps nobody.
        findings += _compare_abi(wanted.python, found.python)
    pins = {package.name: package for package in wanted.packages if package.name not in TOOLING}
    installed = {package.name: package for package in found.packages}
    for name, package in pins.items():
        findings += _compare_package(package, installed.get(name))
    if not pins:
        findings.append(Finding(Severity.ERROR, "unchecked", "packages", None, None))
    known = pins.keys() | TOOLING
    findings += [
        Finding(Severity.INFO, "extra", package.name, None, package.version)
        for package in found.packages
        if package.name not in known
    ]
    findings.sort(key=lambda finding: list(Severity).index(finding.severity))
    ignored = tuple(package.name for package in wanted.packages if package.name in TOOLING)
    return Comparison(tuple(findings), len(pins), ignored)


def same_version(one: str, other: str) -> bool:
    """Tell whether two versions are the same by PEP 440, local label included; text for text where they are none."""
    if one == other:
        return True
    # Imported here: where every pin agrees, which is the usual case, it is not needed.
    from packaging.version import InvalidVersion, Version

    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _compare_package(wanted: Package, found: Package | None) -> list[Finding]:
    if found is None:
        return [Finding(Severity.ERROR, "missing", wanted.name, wanted.version, None)]
    if not same_version(wanted.version, found.version):
        return [Finding(Severity.ERROR, "version", wanted.name, wanted.version, found.version)]
    here, there = _origin_of(wanted), _origin_of(found)
    if here != there:
        return [Finding(Severity.ERROR, "origin", wanted.name, here, there)]
    return []


def _origin_of(package: Package) -> str:
    """Name what a package's bytes depend on beside its version: a commit, or somebody's folder."""
    origin = package.origin
    if origin is None or origin.kind not in ("vcs", "editable"):
        return "a release"
    return f"commit {origin.commit}" if origin.kind == "vcs" else "an editable folder"


def _compare_python(wanted: Python, found: Python) -> list[Finding]:
    findings = []
    if wanted.implementation != found.implementation:
        findings.append(
            Finding(Severity.ERROR, "implementation", "python", wanted.implementation, found.implementation)
        )
    if wanted.version != found.version:
        severity = Severity.WARNING if wanted.minor == found.minor else Severity.ERROR
        findings.append(Finding(severity, "python", "python", wanted.version, found.version))
    return findings


def _compare_abi(wanted: Python, found: Python) -> list[Finding]:
    """Compare the tags of extension modules, which differ for a debug or a free-threaded build of the same Python."""
    if not wanted.soabi or not found.soabi or wanted.soabi == found.soabi:
        return []
    return [Finding(Severity.ERROR, "abi", "python", wanted.soabi, found.soabi)]


def _compare_platform(wanted: Platform, found: Platform) -> list[Finding]:
    pairs = (("system", wanted.system, found.system), ("machine", wanted.machine, found.machine))
    findings = [Finding(Severity.ERROR, kind, "platform", one, two) for kind, one, two in pairs if one != two]
    if wanted.system == found.system and wanted.libc and not _libc_serves(wanted, found):
        findings.append(Finding(Severity.ERROR, "libc", "platform", _libc(wanted), _libc(found)))
    return findings


def _libc_serves(wanted: Platform, found: Platform) -> bool:
    if wanted.libc != found.libc:
        return False
    return not (wanted.libc_version and found.libc_version) or _numbers(found.libc_version) >= _numbers(
        wanted.libc_version
    )


def _libc(platform: Platform) -> str:
    return f"{platform.libc or 'unknown'} {platform.libc_version or ''}".rstrip()


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]
