"""What an environment is held against: what a version was registered with, and what its packages are to the model."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from modelreg.environment.finding import Role, few
from modelreg.environment.record import TOOLING, Environment, Origin, Package, normalized
from modelreg.errors import UsageError
from modelreg.records import Group, Imports, Roles

_PIN = r"(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?===?(?P<version>\S+)"
_ADDRESS = r"(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])? @ ((?P<vcs>[a-z]+)\+)?(?P<url>[^#\s]+)(#(?P<more>\S*))?"
_SHOWN = 3  # modules that a sentence names


class Pin(NamedTuple):
    """A package that the model wants. package.version is empty where only its origin was declared."""

    package: Package
    role: Role


class Expected:
    """An environment, and what the version record says of its packages; None where it says nothing.

    cpu: the extensions of the processor that it was captured on; None where they are not known.
    """

    def __init__(
        self,
        environment: Environment,
        imports: Imports | None = None,
        groups: Mapping[str, Group] | None = None,
        roles: Roles | None = None,
        cpu: tuple[str, ...] | None = None,
    ) -> None:
        self.environment = environment
        self.cpu = cpu
        self.imports = imports
        self.groups = groups
        self.roles = roles
        self._pins: dict[str | None, Mapping[str, Pin]] = {}

    def group(self, asked: str | None) -> str | None:
        """Return the group that is checked: the one asked for, else `serve` where it is declared, else none.

        Raises:
            UsageError: the model has no such group.
        """
        groups = self.groups or {}
        if asked is None:
            return "serve" if "serve" in groups else None
        if asked not in groups:
            known = f"; its groups: {', '.join(sorted(groups))}" if groups else ", nor any other: it was declared none"
            raise UsageError(f"the model has no group {asked}{known}")
        return asked

    def pins(self, group: str | None) -> Mapping[str, Pin]:
        """Return every package that is pinned, by name, with its role for a group."""
        if group not in self._pins:
            role_of = self._roles_for(group)
            installed = {package.name: package for package in self.environment.packages}
            wanted = {name: Pin(package, role_of(name)) for name, package in installed.items()}
            for declared in self._declared(group):
                wanted.setdefault(declared.name, Pin(declared, Role.DECLARED))
            self._pins[group] = wanted
        return self._pins[group]

    def explain(self, name: str, role: Role | None) -> str | None:
        """Say why a package matters, where that is known."""
        if role is not Role.LOAD_CRITICAL:
            return None
        providers = (self.imports.packages if self.imports else None) or {}
        modules = sorted(module for module, owner in providers.items() if owner == name)
        if not modules:
            return "what the model imports needs it"
        return f"the model imports {few(modules, _SHOWN)} from it when it is loaded"

    def _roles_for(self, group: str | None) -> Callable[[str], Role]:
        """Return what tells the role of a package by its name."""
        groups = self.groups or {}
        names = {one: frozenset(groups[one].packages) for one in groups}
        counted = ("base", group) if group is not None else tuple(groups)
        declared = frozenset[str]().union(*(names[one] for one in counted if one in names))
        others = frozenset[str]().union(*names.values())
        critical = frozenset(self.roles.load_critical if self.roles else ())
        tooling = TOOLING.union(self.roles.tooling if self.roles else ())
        every_pin_counts = self.roles is None and self.groups is None

        def role(name: str) -> Role:
            if name in critical:
                return Role.LOAD_CRITICAL
            if name in tooling:
                return Role.TOOLING
            if every_pin_counts:
                return Role.PINNED
            if name in declared:
                return Role.DECLARED
            return Role.OTHER if name in others else Role.INCIDENTAL

        return role

    def _declared(self, group: str | None) -> Iterator[Package]:
        groups = self.groups or {}
        for name in ("base", group) if group is not None else tuple(groups):
            yield from map(declared_package, groups[name].declared if name in groups else ())


def declared_package(requirement: str) -> Package:
    """Return the package that an exact requirement of a group asks for.

    Raises:
        UsageError: it is not exact.
    """
    pin = re.fullmatch(_PIN, requirement)
    if pin is not None:
        return Package(normalized(pin["name"]), pin["version"], pin["name"])
    address = re.fullmatch(_ADDRESS, requirement)
    if address is None:
        raise UsageError(f"the requirement {requirement!r} is not exact; register the model again with an exact one")
    name, vcs, url = normalized(address["name"]), address["vcs"], address["url"]
    more = dict(part.split("=", 1) for part in (address["more"] or "").split("&") if "=" in part)
    folder = more.get("subdirectory")
    if vcs is None:
        origin = Origin("archive", url, subdirectory=folder, sha256=more.get("sha256"))
    else:
        repository, _, commit = url.rpartition("@")
        origin = Origin("vcs", repository, vcs, commit, subdirectory=folder)
    return Package(name, "", address["name"], origin)
