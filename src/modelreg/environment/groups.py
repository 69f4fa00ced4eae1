"""The groups `base`, `train` and `serve` of an environment's packages. Pure: declarations in, groups out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from modelreg.environment.closure import Closure, Edges, Wanted
from modelreg.environment.declaration import Declaration
from modelreg.environment.distribution import redacted
from modelreg.environment.markers import Markers
from modelreg.environment.record import Environment, Package, is_commit, normalized
from modelreg.errors import UsageError
from modelreg.records import Group

if TYPE_CHECKING:
    from packaging.requirements import Requirement


class Grouping(NamedTuple):
    """The groups of an environment. unknown: packages in them that do not say what they need in turn."""

    groups: Mapping[str, Group]
    unknown: tuple[str, ...]


def split(environment: Environment, declarations: Sequence[Declaration], needed: Iterable[str] = ()) -> Grouping:
    """Sort an environment's packages into the groups that are declared, and `base`.

    The closure of a group's requirements is what it needs. What more than one group needs is `base`, and so is what the
    model itself needs. What a group asks for and the environment lacks must be an exact pin, and is declared.

    needed: the names of the packages that the model needs to be loaded.

    Raises:
        UsageError: a requirement is none, contradicts what is installed, or is neither installed nor pinned.
    """
    read = {declaration.group: _Group(environment, declaration) for declaration in declarations}
    packages = {name: group.closure.packages for name, group in read.items()}
    declared = {name: frozenset(group.declared) for name, group in read.items()}
    shared = _shared(packages) | frozenset(needed)
    agreed = _shared(declared)
    groups = {"base": Group((), tuple(sorted(shared)), tuple(sorted(agreed)))}
    for name, group in read.items():
        own = packages[name] - shared
        groups[name] = Group(group.roots, tuple(sorted(own)), tuple(sorted(declared[name] - agreed)))
    unknown = frozenset[str]().union(*(group.closure.unknown for group in read.values()))
    return Grouping(groups, tuple(sorted(unknown)))


def _shared(sets: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return what is in all of several sets; nothing where there is but one."""
    return reduce(frozenset.intersection, sets.values()) if len(sets) > 1 else frozenset()


class _Group:
    """One declared group: its requirements as recorded, its closure, and the pins of what is not installed."""

    def __init__(self, environment: Environment, declaration: Declaration) -> None:
        self._installed = {package.name: package for package in environment.packages}
        self._declaration = declaration
        wanted = list(self._wanted(Markers(environment)))
        self.roots = tuple(dict.fromkeys(_text(requirement) for requirement in wanted))
        absent: dict[str, list[Requirement]] = {}
        for requirement in wanted:
            name = normalized(requirement.name)
            if name in self._installed:
                self._check(requirement, self._installed[name])
            else:
                absent.setdefault(name, []).append(requirement)
        self.declared = tuple(self._pin(requirements) for requirements in absent.values())
        self.closure = self._closed(Edges(environment), wanted, absent.keys())

    def _wanted(self, markers: Markers) -> "Iterator[Requirement]":
        from packaging.requirements import InvalidRequirement, Requirement

        for text in self._declaration.requirements:
            try:
                requirement = Requirement(text)
            except InvalidRequirement as error:
                reason = str(error).splitlines()[0]
                raise UsageError(f"{self._where} {text[:100]!r} is no requirement: {reason}; correct it") from None
            if requirement.marker is None or markers.hold(str(requirement.marker)):
                yield requirement

    def _closed(self, edges: Edges, wanted: "Sequence[Requirement]", pinned: Iterable[str]) -> Closure:
        """Return the closure, and see that the extras that are asked for are there, or pinned, too."""
        extras = {normalized(one.name): frozenset(map(normalized, one.extras)) for one in wanted if one.extras}
        roots = [Wanted(normalized(one.name), frozenset(map(normalized, one.extras))) for one in wanted]
        closure = edges.closure(roots)
        if extras:
            # What is absent without them is the environment's own fault, and no concern of the group's.
            plain = edges.closure(Wanted(root.name) for root in roots)
            lacking = sorted(closure.absent - plain.absent - frozenset(pinned))
            if lacking:
                asked = ", ".join(f"{name}[{','.join(sorted(extras[name]))}]" for name in sorted(extras))
                raise UsageError(
                    f"{self._where} {asked} needs {', '.join(lacking)}, which the environment lacks; "
                    f"pin it there, too, as in {lacking[0]}==VERSION, or install it"
                )
        return closure

    def _check(self, requirement: "Requirement", package: Package) -> None:
        """Refuse what contradicts an installed package."""
        if requirement.url is not None:
            if not _is_from(package, requirement.url):
                raise self._contradiction(requirement, package.requirement or f"{package.name} of this machine")
            return
        # Imported here: as in _wanted, only declarations need it.
        from packaging.version import InvalidVersion, Version

        try:
            version = Version(package.version)
        except InvalidVersion:
            return  # what is no version cannot be out of bounds
        if not requirement.specifier.contains(version, prereleases=True):
            raise self._contradiction(requirement, f"{package.name} {package.version}")

    def _pin(self, requirements: "Sequence[Requirement]") -> str:
        """Return the exact requirement among those for one package that is not installed."""
        exact = [requirement for requirement in requirements if is_exact(requirement)]
        if not exact:
            asked = requirements[0]
            given = self._declaration.where.startswith("--")
            hint = "" if given else "; or set groups = false under [tool.modelreg] if that group is no concern of it"
            raise UsageError(
                f"{self._where} {_text(asked)} is not installed in the environment, so it must be pinned exactly: "
                f"write {asked.name}==VERSION, or install it where the model is trained{hint}"
            )
        pin = exact[0]
        version = next(iter(pin.specifier)).version if pin.specifier else None
        for other in requirements:
            fits = version is None or other.specifier.contains(version, prereleases=True)
            if other.url not in (None, pin.url) or not fits:
                raise UsageError(f"{self._where} {_text(pin)} and {_text(other)} contradict each other; correct one")
        return _text(pin)

    def _contradiction(self, requirement: "Requirement", installed: str) -> UsageError:
        return UsageError(
            f"{self._where} {_text(requirement)} contradicts the environment, which has {installed}; "
            "correct the declaration, or name the environment that the model was trained in with --python"
        )

    @property
    def _where(self) -> str:
        return f"group {self._declaration.group} ({self._declaration.where}):"


def is_exact(requirement: "Requirement") -> bool:
    """Tell whether a requirement can be met in one way only: one version, a file's URL, or a commit."""
    if requirement.url is not None:
        vcs, url = _address(requirement.url)
        return bool(url) and (not vcs or is_commit(url.rpartition("@")[2]))
    specifiers = list(requirement.specifier)
    return len(specifiers) == 1 and specifiers[0].operator in ("==", "===") and "*" not in specifiers[0].version


def _text(requirement: "Requirement") -> str:
    """Return a requirement as it is recorded: without its marker, which held, and without credentials."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    if requirement.url is None:
        bounds = ",".join(sorted(map(str, requirement.specifier)))
        return f"{requirement.name}{extras}{bounds}"
    vcs, url = _address(requirement.url)
    fragment = requirement.url.partition("#")[2]
    kept = "&".join(part for part in fragment.split("&") if part.startswith(("sha256=", "subdirectory=")))
    return f"{requirement.name}{extras} @ {vcs}{url or 'a place of this machine'}{f'#{kept}' if kept and url else ''}"


def _address(address: str) -> tuple[str, str]:
    """Return what stands before the + of a URL, and the rest without credentials and fragment; empty if it is local."""
    scheme = address.partition("://")[0]
    vcs = f"{scheme.partition('+')[0]}+" if "+" in scheme else ""
    return vcs, redacted(address.removeprefix(vcs)) or ""


def _is_from(package: Package, address: str) -> bool:
    """Tell whether an installed package is from a URL; a branch or a tag may have been any commit."""
    vcs, url = _address(address)
    origin = package.origin
    if not url:
        return True  # a place of a machine, which is not recorded
    if origin is None or origin.url is None:
        return False
    repository, _, revision = url.rpartition("@") if vcs and "@" in url.rpartition("/")[2] else (url, "", "")
    return origin.url == repository and (not is_commit(revision) or origin.commit == revision)
