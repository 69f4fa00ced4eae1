"""Would what a lock installs fit a model? A lock, and what is expected, in; findings out."""

import os
from collections.abc import Iterator, Mapping
from hashlib import file_digest

from modelreg.environment.capture import editable_origin
from modelreg.environment.compare import Comparison, compare, same_url, same_version
from modelreg.environment.expected import Expected, Pin
from modelreg.environment.finding import Finding, Role, Severity, few
from modelreg.environment.policy import Terms
from modelreg.environment.record import Environment, Origin, Package, normalized
from modelreg.errors import UsageError
from modelreg.lock.conditions import Conditions
from modelreg.lock.labels import is_settled, label_doubt, unknown_labels
from modelreg.lock.locked import Lock, Locked, Loose, Where
from modelreg.lock.reading import LockFile

_NO_VERSION = "the lock does not say which version is there"
_FOLDER = "the lock installs it from a folder, and the model has a release of it"
_NO_HASH = "the lock lists no hash of the file, so it may be another one at the same address"
_NO_BUILD = "a lock does not say which build is installed, and the policy strict compares builds"


def compare_lock(file: LockFile, expected: Expected, terms: Terms) -> tuple[Lock, Environment, Comparison]:
    """Compare what a lock would install, on the model's Python and platform, with what the model was registered with.

    What a lock does not say, such as the exact Python, is not compared, and the comparison says so. The group that is
    asked for may be one of the model, of the lock, or of both.

    Raises:
        UsageError: the file is no lock, or neither the model nor the lock has such a group.
        NotFoundError, AccessDeniedError, EnvironmentUnreadableError: the lock cannot be read.
    """
    known = terms.group is None or terms.group in (expected.groups or {})
    lock = file.read(expected.environment, expected.group(terms.group) if known else terms.group)
    if not known:
        _check_group(lock, expected, terms.group)
        terms = terms._replace(group=None)
    pins = expected.pins(expected.group(terms.group))
    counted = {name: pin for name, pin in pins.items() if pin.role is not Role.TOOLING}
    lock = lock._replace(packages=tuple(_with_hash(one, counted.get(one.name)) for one in lock.packages))
    packages, open_ends = _assumed(lock, counted)
    environment = expected.environment._replace(packages=packages, conda=())
    files = {one.name: one.hashes for one in lock.packages if one.hashes}
    comparison = compare(_without_builds(expected), environment, terms, files=files)
    findings = [_named(finding, lock) for finding in comparison.findings]
    is_whole = {name for name, pin in counted.items() if _counts(pin, terms)} <= {one.name for one in packages}
    findings += [_finding(name, reason, counted.get(name), terms, is_whole=is_whole) for name, reason in open_ends]
    if terms.policy.strict:
        findings.append(Finding(Severity.UNCHECKED, "unknown", "packages", None, _NO_BUILD))
    unknown = {name for name, _ in open_ends}
    roles = {name: role for name, role in comparison.roles.items() if name not in unknown}
    if not roles and comparison.roles:
        findings.append(Finding(Severity.ERROR, "nothing", "packages", None, None))
    unsaid = (*_unsaid(lock, expected.environment), *_unseen(lock, counted))
    bare = comparison._replace(findings=(), roles=roles, unsaid=unsaid)
    return lock, environment, bare.with_findings([*findings, *_scope(lock, expected.environment)])


def _check_group(lock: Lock, expected: Expected, asked: str | None) -> None:
    """Check that a lock has a group that the model has not.

    Raises:
        UsageError: it has none of that name either.
    """
    if asked is not None and lock.group is not None and normalized(lock.group) == normalized(asked):
        return
    try:
        expected.group(asked)
    except UsageError as error:
        none = ": files of its kind have none" if lock.kind == "requirements.txt" else " of that name"
        raise UsageError(f"{error}; nor has {lock.path} one{none}") from None


def _with_hash(locked: Locked, pin: Pin | None) -> Locked:
    """Add the hash of a file of this machine, where it is known which one is wanted and the lock lists none."""
    wanted = pin.package.origin if pin else None
    origin = locked.package.origin
    if locked.hashes or not (locked.place and wanted and wanted.sha256 and origin and origin.kind == "archive"):
        return locked
    if not os.path.isfile(locked.place):  # noqa: PTH113  # unlike Path's, it raises nothing
        return locked
    try:
        with locked.place.open("rb") as file:
            return locked._replace(hashes=frozenset({file_digest(file, "sha256").hexdigest()}))
    except OSError:
        return locked


def _assumed(lock: Lock, pins: Mapping[str, Pin]) -> tuple[tuple[Package, ...], list[tuple[str, str]]]:
    """Return packages that can be compared, and what of them is not known: that is taken to be as it is wanted."""
    packages: list[Package] = []
    unknown: list[tuple[str, str]] = []
    for one in lock.packages:
        pin = pins.get(one.name)
        package, reason = one.package, None
        if pin:
            package, reason = _by_label(one, pin.package, lock) or _compared(one, pin.package)
        packages.append(package)
        if reason is not None:
            unknown.append((package.name, reason))
    for loose in lock.loose:
        if loose.name in pins:
            packages.append(pins[loose.name].package)
        unknown.append((loose.name, f"{loose.reason} ({_at(loose)})"))
    known = {package.name for package in packages}
    for name, pin in pins.items():
        file = next((one for one in lock.unread if one.names is None or name in one.names), None)
        if name not in known and file is not None:
            packages.append(pin.package)
            unknown.append((name, f"{file.address} ({_line(file.where)}) may pin it, and was not downloaded"))
    return tuple(packages), unknown


def _by_label(locked: Locked, wanted: Package, lock: Lock) -> tuple[Package, str | None] | None:
    """Return a package that is taken for the one that is wanted, as a pin without a label may get it."""
    package = locked.package
    if is_settled(locked, wanted) and same_version(package.version, wanted.version.partition("+")[0]):
        return package._replace(version=wanted.version), None
    doubt = label_doubt(locked, wanted, lock.indexes)
    return None if doubt is None else (package._replace(version=wanted.version, origin=wanted.origin), doubt)


def _compared(locked: Locked, wanted: Package) -> tuple[Package, str | None]:
    package, origin, other = locked.package, locked.package.origin, wanted.origin
    if origin and other and not origin.sha256 and _is_same_file(origin, other):
        return package._replace(version=package.version or wanted.version, origin=other), (
            _NO_HASH if other.sha256 and not locked.hashes else None
        )
    if origin and other and origin.kind == other.kind == "editable" and other.commit:
        # As in an environment: what the folder holds decides, where it is there to be looked at.
        here = origin if locked.place is None else editable_origin(locked.place, other.commit)
        return package._replace(version=package.version or wanted.version, origin=here), None
    if origin and origin.kind == "directory" and other is None and package.version in ("", wanted.version):
        return package._replace(version=wanted.version), _FOLDER  # its version says nothing of its files
    if package.version:
        return package, None
    if origin is None:
        return package._replace(version=wanted.version), _NO_VERSION
    # A commit, or the address of a file, is compared in place of the version that nobody has written down.
    decided = origin.kind == "vcs" or (origin.kind == "archive" and origin.url is not None)
    decided = decided or (origin.kind == "editable") is not (other is not None and other.kind == "editable")
    return package._replace(version=wanted.version), None if decided else _NO_VERSION


def _finding(name: str, reason: str, pin: Pin | None, terms: Terms, *, is_whole: bool) -> Finding:
    """Return what is said of something that is not known; it counts where the package does.

    is_whole: nothing that is wanted is missing, so that what has no name is no package of the model's.
    """
    if not name:
        return Finding(Severity.INFO if is_whole else Severity.UNCHECKED, "unknown", "packages", None, reason)
    severity = Severity.UNCHECKED if pin is not None and _counts(pin, terms) else Severity.INFO
    role, wanted = (pin.role, pin.package.version or None) if pin else (None, None)
    return Finding(severity, "unknown", name, wanted, reason, None, role)


def _is_same_file(one: Origin, other: Origin) -> bool:
    return one.kind == other.kind == "archive" and same_url(one.url, other.url)


def _counts(pin: Pin, terms: Terms) -> bool:
    return pin.role.counts or (terms.policy.all_count and pin.role is not Role.OTHER)


def _at(loose: Loose) -> str:
    return " and ".join(map(_line, (loose.where, *loose.others)))


def _line(where: Where) -> str:
    return f"{where[0]}, line {where[1]}"


def _without_builds(expected: Expected) -> Expected:
    """Leave out which files the packages had, as a lock does not say what those of its own would be."""
    packages = tuple(package._replace(record=None) for package in expected.environment.packages)
    environment = expected.environment._replace(packages=packages)
    return Expected(environment, expected.imports, expected.groups, expected.roles)


def _named(finding: Finding, lock: Lock) -> Finding:
    """Say of what is missing that the lock is what it is missing from."""
    if finding.kind != "missing" or finding.severity is Severity.INFO:
        return finding
    said = f"{lock.path} does not ask for it"
    return finding._replace(note=f"{said}; {finding.note}" if finding.note else said)


def _scope(lock: Lock, environment: Environment) -> Iterator[Finding]:
    """Say where a lock is for another Python or for other systems than the model."""
    version = environment.python.version
    admits = Conditions(environment).admits(lock.python)
    if admits is None:
        reason = f"{lock.path} is for Python {lock.python}, which is no set of versions"
        yield Finding(Severity.UNCHECKED, "unknown", "python", version, reason)
    elif not admits:
        yield Finding(Severity.ERROR, "locked-python", "python", version, lock.python)
    if lock.foreign:
        yield Finding(
            Severity.ERROR, "locked-platform", "platform", str(environment.platform), " or ".join(lock.foreign)
        )


def _unsaid(lock: Lock, wanted: Environment) -> Iterator[str]:
    python = f"; it is for Python {lock.python}" if lock.python else ""
    yield f"the exact Python and the platform were not compared, as {lock.path} does not say them{python}"
    if wanted.conda:
        yield f"the {len(wanted.conda)} packages of conda's that are none of Python's were not compared"
    if lock.group:
        yield f"of its groups and extras, {lock.group} was chosen"


def _unseen(lock: Lock, pins: Mapping[str, Pin]) -> Iterator[str]:
    for file in lock.unread:
        yield f"{file.address} was not downloaded, so what it pins was not compared; include a file"
    doubted = [
        one.name
        for one in lock.packages
        if one.name in pins
        and unknown_labels(one, pins[one.name].package, lock.indexes)
        and label_doubt(one, pins[one.name].package, lock.indexes) is None
    ]
    if doubted:
        places = few([index.address for index in lock.indexes], 2)
        yield f"{places} was taken for a mirror: that it has no builds with labels of {few(doubted, 3)} was not checked"
