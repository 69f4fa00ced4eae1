"""Does an environment fit what a model was registered with? Pure: two environments in, findings out."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from modelreg.environment.distribution import Duplicate
from modelreg.environment.expected import Expected, Pin
from modelreg.environment.finding import Finding, Role, Severity
from modelreg.environment.policy import Policy, Terms, Waiver
from modelreg.environment.record import MANAGED, TOOLING, Environment, Origin, Package, Platform, Python

NO_RECORD = "it has no RECORD that says which files were installed, so it may be another build"
"""Why it cannot be told whether a package is the model's build."""
_NUMBERS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})*")


class Comparison(NamedTuple):
    """The outcome: every finding, the gravest first, and how much was compared under which policy.

    roles: the packages that were compared, by name, with what they are to the model. ignored: the tooling, which was
    not. terms: as they were applied, with the group that was checked. unsaid: what the environment does not say, so
    that it was not compared, in sentences; empty: it says all.
    """

    findings: tuple[Finding, ...]
    roles: Mapping[str, Role]
    ignored: tuple[str, ...] = ()
    terms: Terms = Terms()
    unsaid: tuple[str, ...] = ()

    @property
    def compared(self) -> int:
        """How many packages were compared."""
        return len(self.roles)

    @property
    def fits(self) -> bool:
        """Whether the environment may serve the model."""
        return not self.faults

    @property
    def failing(self) -> tuple[Severity, ...]:
        """The severities that make an environment unfit."""
        return (Severity.ERROR,) if self.terms.allow_unchecked else (Severity.ERROR, Severity.UNCHECKED)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that make it unfit."""
        return tuple(finding for finding in self.findings if finding.severity in self.failing)

    def number_of(self, severity: Severity) -> int:
        """Return how many findings are of this severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def with_findings(self, more: Iterable[Finding]) -> "Comparison":
        """Return it with more findings, in their order."""
        return self._replace(findings=_ordered([*self.findings, *more]))


def compare(
    expected: Expected,
    found: Environment,
    terms: Terms | None = None,
    duplicates: Iterable[Duplicate] = (),
    files: Mapping[str, frozenset[str]] | None = None,
    unplaced: Collection[str] = (),
    own: Collection[str] = (),
) -> Comparison:
    """Compare an environment with the one a model was registered with.

    What the model needs when it is loaded, and what the group that is checked declares, must be equal; incidental
    packages that differ are a warning; tooling is not compared. Where nothing is known of what the packages are to the
    model, all of them must be equal. An environment that pins nothing does not fit anything: a check that compared no
    package must not look like one that passed.

    duplicates: what is hidden in `found`. files: the sha256 of the files that its packages may be installed from, by
    name, as a lock lists them. unplaced: the names of those of which it cannot be told where they came from. own: the
    names of those that are imported from the environment's own folders, whoever starts it.

    Raises:
        UsageError: the model has no such group.
    """
    terms = terms or Terms()
    terms = terms._replace(group=expected.group(terms.group))
    look = _Look(expected, terms.policy, expected.pins(terms.group), files or {}, unplaced)
    findings = [*_compare_interpreter(expected.environment, found, terms.policy)]
    same_platform = all(finding.severity is not Severity.ERROR for finding in findings)
    installed = {package.name: package for package in found.packages}
    for name, pin in look.compared.items():
        findings += look.package(pin, installed.get(name), same_platform=same_platform)
    findings += look.duplicates(duplicates, own)
    if not look.compared:
        findings.append(Finding(Severity.ERROR, "nothing", "packages", None, None))
    findings += look.extras(found.packages)
    findings = [*excused(findings, terms), *_expired(terms.policy.waivers, terms.today)]
    roles = {name: pin.role for name, pin in look.compared.items()}
    ignored = tuple(name for name, pin in look.pins.items() if pin.role is Role.TOOLING)
    return Comparison(_ordered(findings), roles, ignored, terms)


def excused(findings: Iterable[Finding], terms: Terms) -> Iterator[Finding]:
    """Yield findings, those among them excused for whose package an exception is in force."""
    for finding in findings:
        name = finding.subject.replace("_", "-")  # as that of a module may be written; a package's is normalised
        yield _waived(finding, terms.policy.waivers.get(name), terms.today)


def same_version(one: str, other: str) -> bool:
    """Tell whether two versions are the same by PEP 440, local label included; text for text where they are none."""
    if one == other:
        return True
    if _NUMBERS.fullmatch(one) and _NUMBERS.fullmatch(other):
        return _release(one) == _release(other)
    # Imported here: most versions are plain numbers, and need no more than a look.
    from packaging.version import InvalidVersion, Version

    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def same_url(one: str | None, other: str | None) -> bool:
    """Tell whether two addresses are the same: the plus of a local label may be escaped in them."""
    return one == other or (one is not None and other is not None and _with_plus(one) == _with_plus(other))


def _with_plus(url: str) -> str:
    return url.replace("%2B", "+").replace("%2b", "+")


def _release(version: str) -> list[int]:
    """Return the numbers of a version; zeros at the end make no difference."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers


class _Look:
    """Compares packages under one policy."""

    def __init__(
        self,
        expected: Expected,
        policy: Policy,
        pins: Mapping[str, Pin],
        files: Mapping[str, frozenset[str]],
        unplaced: Collection[str],
    ) -> None:
        self._expected = expected
        self._files = files
        self._unplaced = unplaced
        self._policy = policy
        self.pins = pins
        self.compared = {name: pin for name, pin in pins.items() if pin.role is not Role.TOOLING}

    def package(self, pin: Pin, found: Package | None, *, same_platform: bool) -> Iterator[Finding]:
        wanted = pin.package
        if found is None:
            place = _place(wanted)
            yield self._finding(pin, "missing", wanted.version or _said(place), None)
        elif wanted.version and not same_version(wanted.version, found.version):
            yield self._finding(pin, "version", wanted.version, found.version)
        elif (sha256 := _file_of(wanted)) and (listed := self._files.get(wanted.name)):
            if sha256 not in listed:
                yield self._finding(pin, "file", sha256, found.version)
        elif found.name in self._unplaced and not _same_files(wanted, found):
            yield from self._unchecked(pin, "its direct_url.json is damaged, so it cannot be told where it came from")
        elif not _same_place(wanted, found):
            here, there = _place(wanted), _place(found)
            yield self._finding(pin, "origin", _said(here), _said(there))
        elif reason := _uncertain(_place(wanted), _place(found)):
            yield from self._unchecked(pin, reason)
        elif wanted.record and found.record and wanted.record != found.record and same_platform:
            # Elsewhere the wheel is another one, and that Python or the platform differs has been said.
            yield self._finding(pin, "rebuilt", wanted.record, found.version)
        elif wanted.record and not found.record and same_platform:
            managed = found.origin is not None and found.origin.kind in MANAGED and not self._policy.strict
            # conda and systems often write none.
            yield from self._unchecked(pin, NO_RECORD, Severity.INFO if managed else Severity.UNCHECKED)

    def duplicates(self, duplicates: Iterable[Duplicate], own: Collection[str]) -> Iterator[Finding]:
        for duplicate in duplicates:
            pin = self.compared.get(duplicate.name)
            if pin is None:
                continue
            finding = self._finding(
                pin, "shadowed" if duplicate.shadowed else "duplicate", duplicate.first, duplicate.version
            )
            is_right = duplicate.shadowed and same_version(pin.package.version, duplicate.first)
            if is_right and duplicate.name in own and not self._policy.strict:
                # What is imported has been compared; below it may lie what the system has. Where PYTHONPATH or one's
                # own folder of packages brings the right one, whoever starts it without them imports the other.
                finding = finding._replace(severity=Severity.INFO, note=None)
            yield finding

    def extras(self, found: Iterable[Package]) -> Iterator[Finding]:
        severity = Severity.ERROR if self._policy.strict else Severity.INFO
        for package in found:
            if package.name not in self.pins and package.name not in TOOLING:
                yield Finding(severity, "extra", package.name, None, package.version)

    def _unchecked(self, pin: Pin, reason: str, severity: Severity = Severity.UNCHECKED) -> Iterator[Finding]:
        """Yield that something of a package could not be checked, where the package counts."""
        if self._policy.counts(pin.role):
            yield self._finding(pin, "unknown", pin.package.version, reason)._replace(severity=severity)

    def _finding(self, pin: Pin, kind: str, wanted: str | None, found: str | None) -> Finding:
        name, role = pin.package.name, pin.role
        severity, note = self._severity(role, kind), self._expected.explain(name, role)
        if kind == "version" and severity is Severity.ERROR and self._bends(name, wanted, found):
            severity, note = Severity.WARNING, "the policy bends for it: it is a release of the same series"
        return Finding(severity, kind, name, wanted, found, None, role, note)

    def _severity(self, role: Role, kind: str) -> Severity:
        counts = self._policy.counts(role)
        if kind == "missing":
            # What nobody, or only another group, needs may well be left out.
            return Severity.ERROR if counts and role is not Role.OTHER else Severity.INFO
        if kind == "rebuilt":
            return Severity.ERROR if self._policy.strict else Severity.WARNING if role.counts else Severity.INFO
        if counts:
            return Severity.ERROR
        return Severity.INFO if role is Role.OTHER else Severity.WARNING

    def _bends(self, name: str, wanted: str | None, found: str | None) -> bool:
        if name not in self._policy.bends or wanted is None or found is None:
            return False
        # Imported here: few policies bend.
        from packaging.specifiers import InvalidSpecifier, SpecifierSet
        from packaging.version import InvalidVersion, Version

        try:
            release = Version(wanted)
            series = SpecifierSet(f"~={release.public}" if len(release.release) > 1 else f"=={release.major}.*")
            return release.local == Version(found).local and series.contains(found, prereleases=True)
        except (InvalidSpecifier, InvalidVersion):
            return False


def _place(package: Package) -> Origin | None:
    """Return where a package is from; None where that is a release of an index, or built from one's own folder."""
    origin = package.origin
    if origin is None or (origin.kind == "archive" and origin.url is None):
        return None
    return origin if origin.kind in ("vcs", "editable", "archive") else None


def _file_of(package: Package) -> str | None:
    """Return the sha256 of the file that a package was installed from, where that is known."""
    return package.origin.sha256 if package.origin and package.origin.kind == "archive" else None


def _said(place: Origin | None) -> str:
    if place is None:
        return "a release"
    if place.kind == "editable":
        commit = f" at commit {place.commit}" if place.commit else ""
        return f"an editable folder{commit}{' with changes that no commit holds' if place.dirty else ''}"
    return f"commit {place.commit}" if place.kind == "vcs" else f"the file {place.url}"


def _same_place(wanted: Package, found: Package) -> bool:
    """Tell whether two packages of one version are from one place; with the same files, they may as well be."""
    here, there = _place(wanted), _place(found)
    if here is None or there is None:
        same = here is there
    elif here.kind != there.kind:
        same = False
    elif here.kind == "archive":
        # Not every installer writes down the digest of a URL's file: uv does not.
        digests = here.sha256 and there.sha256
        same = here.sha256 == there.sha256 if digests else same_url(here.url, there.url)
    else:
        known = here.kind == "vcs" or (here.commit and there.commit)
        same = not known or (here.commit == there.commit and bool(here.dirty or not there.dirty))
    return same or _same_files(wanted, found)


def _same_files(wanted: Package, found: Package) -> bool:
    """Tell whether it is known that two packages installed the same files."""
    return wanted.record is not None and wanted.record == found.record


def _uncertain(here: Origin | None, there: Origin | None) -> str | None:
    """Say why it is not known that two editable folders hold the same; None where it is known."""
    if here is None or there is None or here.kind != "editable":
        return None
    if not here.commit:
        return "the model was made with an editable folder of which no commit is known"
    if here.dirty:
        return "the model was made with changes in its editable folder that no commit holds"
    return None if there.commit else f"at which commit its editable folder is; the model wants {here.commit}"


def _compare_interpreter(wanted: Environment, found: Environment, policy: Policy) -> Iterator[Finding]:
    findings = [*_compare_python(wanted.python, found.python, policy)]
    findings += _compare_platform(wanted.platform, found.platform)
    if all(finding.severity is not Severity.ERROR for finding in findings):
        # Where Python or the platform differs the tag does, too, and saying it twice helps nobody.
        findings += _compare_abi(wanted.python, found.python)
    yield from findings


def _compare_python(wanted: Python, found: Python, policy: Policy) -> Iterator[Finding]:
    if wanted.implementation != found.implementation:
        yield Finding(Severity.ERROR, "implementation", "python", wanted.implementation, found.implementation)
    if wanted.version != found.version:
        patch = wanted.minor == found.minor and not policy.strict
        yield Finding(Severity.WARNING if patch else Severity.ERROR, "python", "python", wanted.version, found.version)


def _compare_abi(wanted: Python, found: Python) -> Iterator[Finding]:
    """Compare the tags of extension modules, which differ for a debug or a free-threaded build of the same Python."""
    if wanted.soabi and found.soabi and wanted.soabi != found.soabi:
        yield Finding(Severity.ERROR, "abi", "python", wanted.soabi, found.soabi)


def _compare_platform(wanted: Platform, found: Platform) -> Iterator[Finding]:
    for kind, one, two in (("system", wanted.system, found.system), ("machine", wanted.machine, found.machine)):
        if one != two:
            yield Finding(Severity.ERROR, kind, "platform", one, two)
    if wanted.system != found.system or not wanted.libc:
        return
    if found.libc is None and found.system == "linux":
        reason = f"its C library is not known; the model wants {_libc(wanted)} or newer"
        yield Finding(Severity.UNCHECKED, "unknown", "platform", _libc(wanted), reason)
    elif not _libc_serves(wanted, found):
        yield Finding(Severity.ERROR, "libc", "platform", _libc(wanted), _libc(found))


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


def _waived(finding: Finding, waiver: Waiver | None, today: str) -> Finding:
    """Excuse a finding about a package for which an exception is in force."""
    if waiver is None or today > waiver.until or not _covers(waiver, finding):
        return finding
    # An exception for a package called python excuses no Python.
    may_be = finding.is_pin or finding.kind in ("extra", "standard", "library")
    if not may_be or finding.severity is Severity.INFO:
        return finding
    return finding._replace(severity=Severity.INFO, note=f"excused until {waiver.until}: {waiver.reason}")


def _covers(waiver: Waiver, finding: Finding) -> bool:
    if waiver.version is None:
        return True
    if finding.kind not in ("version", "extra") or finding.found is None:
        return False
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        # PEP 440's ==1.1 takes 1.1+cu121, too, which is another build: it has to be named.
        named = "+" in waiver.version or Version(finding.found).local is None
        return named and SpecifierSet(waiver.version).contains(finding.found, prereleases=True)
    except InvalidVersion:
        return False


def _expired(waivers: Mapping[str, Waiver], today: str) -> Iterator[Finding]:
    for name, waiver in waivers.items():
        if today > waiver.until:
            yield Finding(Severity.ERROR, "expired", name, waiver.until, None)


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.severity.rank))
