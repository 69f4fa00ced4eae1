"""The one command that brings an environment to what a model wants. Pure: findings in, a command out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from modelreg.environment.accelerators import has_labels
from modelreg.environment.compare import same_version
from modelreg.environment.finding import SENTENCES, Finding, Severity
from modelreg.environment.record import Package

_INSTALLABLE = ("missing", "version", "origin", "rebuilt", "duplicate", "code", "files")
_UNINSTALLABLE: Mapping[str, str] = {
    "python": "a command cannot change the Python; make a new environment with {wanted}",
    "implementation": "a command cannot change the interpreter; make a new environment with {wanted}",
    "abi": "a command cannot change the interpreter; make a new environment with one for {wanted}",
    "system": "a command cannot change the system; the model wants {wanted}",
    "machine": "a command cannot change the machine; the model wants {wanted}",
    "libc": "a command cannot change the C library; the model wants {wanted} or newer",
    "shadowed": "{subject} is hidden by {wanted}, which stands earlier on the path; take that off it (PYTHONPATH)",
    "stray": "{subject} was imported from {found}; keep that off the path (sys.path) of the program",
    "standard": "{subject} of the standard library is hidden by {wanted}; take that off the path (PYTHONPATH)",
    "expired": SENTENCES["expired"],
    "unknown": "{subject} could not be checked, so no command is known that puts it right: {found}",
    "added": "{found} stays beside {subject}: the command removes nothing; delete it",
    "library": "{subject} is conda's to install; the model was made with {wanted}",
    "extra": "{subject} {found} stays: the command removes nothing; uninstall it",
}
_AHEAD = (
    "{subject} is imported from {folder}, which stands before the environment's own packages, so that installing "
    "changes nothing; first take that off the path (PYTHONPATH)"
)
_STUCK = (
    "{subject} {found} was installed without a list of its files, so neither pip nor uv can remove it; "
    "delete {place}, and run this again"
)
_ORIGINS = {"conda": "conda", "distribution": "the system's own packages"}


class Place(NamedTuple):
    """Where the command is to install. tool: `pip`, its own, or `uv`. python: its interpreter.

    ahead: the packages that are imported from elsewhere whatever is installed, by name, with the folder that they lie
    in, which stands before all that is the environment's own. stuck: the packages that no installer can remove, by
    name, with the folder or file of their metadata.
    """

    python: str
    tool: str
    ahead: Mapping[str, str] = {}
    stuck: Mapping[str, str] = {}


class Fix(NamedTuple):
    """A command, as words, and what it does not put right, or needs beside itself, in sentences.

    command: empty where there is nothing that one could install.
    """

    command: tuple[str, ...]
    remarks: tuple[str, ...]


def fix(differences: Iterable[tuple[Finding, Package | None]], place: Place) -> Fix:
    """Return the command that installs what differs, and nothing else, at exactly the versions that are wanted.

    differences: the findings of one or more versions, each with the package that is wanted, if it is about one.
    """
    wanted: dict[str, Package] = {}
    kinds: dict[str, set[str]] = {}
    remarks: dict[str, None] = {}
    torn: set[str] = set()
    differences = list(differences)
    below = {one.subject: one.found or "" for one, _ in differences if one.kind == "shadowed"}
    # By what an installer makes of `==`, these are at the right version already.
    labelled = {one.subject for one, package in differences if package and _has_label_alone(one, package)}
    replaced = {(one.subject, one.found) for one, _ in differences if one.kind == "version"}
    for finding, package in differences:
        if not _is_to_fix(finding):
            continue
        if finding.is_pin and finding.subject in place.ahead:
            remarks[_AHEAD.format(subject=finding.subject, folder=place.ahead[finding.subject])] = None
            # What lies below counts as soon as nothing hides it.
            right = package is None or same_version(below.get(package.name, ""), package.version)
            if right or finding.kind != "version":
                continue
        if finding.kind == "shadowed" and (finding.subject, finding.wanted) in replaced:
            continue  # the version that hides it is put right, and may hide what the system has
        remark = _obstacle(finding, package, place)
        if remark is not None:
            remarks[remark] = None
        elif package is not None and finding.kind in _INSTALLABLE:
            first = wanted.setdefault(package.name, package)
            kinds.setdefault(package.name, set()).add(finding.kind)
            if first.requirement != package.requirement:
                torn.add(package.name)
    for name in sorted(torn):
        del wanted[name]
        remarks[f"the models want {name} in different versions; no one environment can have both"] = None
    packages = [wanted[name] for name in sorted(wanted)]
    remarks |= dict.fromkeys(_needs(packages))
    # Older releases of uv leave 1.2+cpu as it is even for ===1.2.
    again = any(
        package.name in labelled or kinds[package.name].isdisjoint(("missing", "version")) for package in packages
    )
    exact = labelled.union(filter(has_labels, wanted))  # pip may be set to take these from an index of builds
    requirements = [_requirement(package, exactly=package.name in exact) for package in packages]
    return Fix(_command([*filter(None, requirements)], place, again=again), tuple(remarks))


def _has_label_alone(finding: Finding, package: Package) -> bool:
    """Tell whether what was found differs from what is wanted in having a local label."""
    public, plus, _ = (finding.found or "").partition("+")
    return finding.kind == "version" and bool(plus) and same_version(public, package.version)


def _requirement(package: Package, *, exactly: bool) -> str | None:
    """Return the requirement that installs a package. exactly: not with any local label, as `==` lets them in."""
    requirement, pin = package.requirement, f"=={package.version}"
    if not exactly or "+" in package.version or requirement is None or not requirement.endswith(pin):
        return requirement
    # Imported here: few environments hold builds with labels.
    from packaging.version import InvalidVersion, Version

    try:
        return f"{requirement.removesuffix(pin)}==={Version(package.version)}"  # it is compared as text
    except InvalidVersion:
        return requirement  # which has three already


def _is_to_fix(finding: Finding) -> bool:
    """Tell whether a finding fails a check, or warns of a version; another build of a version is rarely to be had.

    Of what could not be checked, it is said that no command helps.
    """
    if finding.severity is Severity.ERROR or (finding.severity is Severity.UNCHECKED and finding.kind == "unknown"):
        return True
    return finding.severity is Severity.WARNING and finding.kind in ("missing", "version", "origin")


def _obstacle(finding: Finding, package: Package | None, place: Place) -> str | None:
    """Say why no command puts a difference right; None: one does, or nothing is to be said of it."""
    said = _UNINSTALLABLE.get(finding.kind)
    if said is not None:
        return said.format(subject=finding.subject, wanted=finding.wanted, found=finding.found)
    if package is None and finding.kind == "code":
        return f"{finding.found}, and no package that the model pins brings it"
    if package is None or finding.kind not in _INSTALLABLE:
        return None
    return _by_hand(package) or _cannot_go(finding, package, place)


def _by_hand(package: Package) -> str | None:
    """Say why a package has to be installed by hand; None: a requirement names it."""
    origin = package.origin
    if package.requirement is not None:
        return None
    if origin is None:
        return f"{package.name} {package.version} has a version that no requirement can name; install it by hand"
    commit = f", at commit {origin.commit}" if origin.commit else ""
    kind = "an editable folder" if origin.kind == "editable" else "a place that only its machine has"
    return f"{package.name} {package.version} was installed from {kind}{commit}; install it by hand"


def _cannot_go(finding: Finding, package: Package, place: Place) -> str | None:
    """Say why what is there cannot be removed to make room; None: it can."""
    if finding.kind != "missing" and package.name in place.stuck:
        found = finding.found if finding.kind == "version" else package.version
        return _STUCK.format(subject=package.name, found=found, place=place.stuck[package.name])
    if finding.kind == "duplicate" and place.tool == "pip":
        return f"{package.name} is there twice, and pip removes one of them; uninstall it twice, and run this again"
    return None


def _needs(packages: Iterable[Package]) -> Iterator[str]:
    for package in packages:
        name, kind = package.name, package.origin.kind if package.origin else ""
        if kind in _ORIGINS:
            yield f"{name} came from {_ORIGINS[kind]}; the command takes that version from an index"
        elif not kind and "+" in package.version:
            label = package.version.partition("+")[2]
            yield f"{name} {package.version} has the label {label}, which PyPI has not; add its --index-url"


def _command(requirements: Sequence[str], place: Place, *, again: bool) -> tuple[str, ...]:
    """Return the command as words. again: replace what is there at the same version, too."""
    if not requirements:
        return ()
    start: tuple[str, ...]
    if place.tool == "uv":
        start, replacing = ("uv", "pip", "install", "--python", place.python, "--no-deps"), "--reinstall"
    else:
        start, replacing = (place.python, "-m", "pip", "install", "--no-deps"), "--force-reinstall"
    return (*start, *([replacing] if again else []), *requirements)
