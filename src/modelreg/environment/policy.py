"""How strictly an environment is held against a manifest: policies, and exceptions from them."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from modelreg.environment.finding import Role
from modelreg.environment.record import is_name, normalized
from modelreg.errors import UsageError

POLICIES: Mapping[str, str] = {
    "exact": "what the model needs must be equal, the rest is told",
    "all": "every pinned package must be equal",
    "strict": "every package must be equal, down to its build, and none may be added",
    "compatible": "as exact, but the packages that are named may have another release of the same series (PEP 440 ~=)",
}
_DATE = r"\d{4}-\d{2}-\d{2}"


class Waiver(NamedTuple):
    """An exception for one package: its difference is told, and fails nothing, until the end of a day (UTC).

    until: `YYYY-MM-DD`. version: what versions are excused (PEP 440 specifiers); None: any.
    """

    reason: str
    until: str
    version: str | None = None


class Policy(NamedTuple):
    """What fails. name: one of `POLICIES`. bends: the packages that `compatible` may bend for, by normalised name."""

    name: str = "exact"
    bends: frozenset[str] = frozenset()
    waivers: Mapping[str, Waiver] = {}

    @classmethod
    def parse(cls, text: str, waivers: Mapping[str, Waiver] | None = None) -> "Policy":
        """Read a policy as it is written on a command line: `exact`, `all`, `strict`, `compatible:numpy,pandas`.

        Raises:
            UsageError: it is none, or `compatible` names no package.
        """
        name, _, names = text.partition(":")
        if name not in POLICIES or (names and name != "compatible"):
            raise UsageError(f"there is no policy {text!r}; it is one of {', '.join(POLICIES)}")
        bends = [one.strip() for one in names.split(",") if one.strip()]
        if name == "compatible" and not bends:
            raise UsageError("the policy compatible must name the packages it may bend for: compatible:numpy,pandas")
        for one in bends:
            if not is_name(one):
                raise UsageError(f"{one!r} in the policy {text!r} names no package; write compatible:numpy,pandas")
        return cls(name, frozenset(map(normalized, bends)), waivers or {})

    def checked(self) -> "Policy":
        """Return it as what is written on a command line and in pyproject.toml is read, whoever made it.

        Raises:
            UsageError: there is no such policy, or one of its exceptions has no reason, or no date as it is written.
        """
        parsed = Policy.parse(str(self))
        table = {
            name: {field: value for field, value in waiver._asdict().items() if value is not None}
            for name, waiver in self.waivers.items()
        }
        return parsed._replace(waivers=read_waivers(table, ""))

    @property
    def all_count(self) -> bool:
        """Whether every pin counts, whatever its role."""
        return self.name in ("all", "strict")

    def counts(self, role: Role) -> bool:
        """Tell whether a package of this role counts, as what only installs and checks never does."""
        return role is not Role.TOOLING and (role.counts or self.all_count)

    @property
    def strict(self) -> bool:
        """Whether builds, patch levels of Python and packages that were added count, too."""
        return self.name == "strict"

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.name}:{','.join(sorted(self.bends))}" if self.bends else self.name


class Terms(NamedTuple):
    """How an environment is checked: by which policy, for which group, and on which day (`YYYY-MM-DD`, UTC).

    group: see `Expected.group`. allow_unchecked: what could not be checked fails nothing.
    deep: also look for files that were changed since they were installed.
    """

    policy: Policy = Policy()
    group: str | None = None
    today: str = ""
    allow_unchecked: bool = False
    deep: bool = False


def read_waivers(table: Mapping[str, object], where: str = " in pyproject.toml") -> dict[str, Waiver]:
    """Read `[tool.modelreg.exceptions]`: `numpy = { reason = "…", until = "2026-12-31", version = "==2.1.1" }`.

    where: what an error says of where they stand.

    Raises:
        UsageError: one has no reason or no date, or is none at all.
    """
    return {normalized(name): _waiver(name, entry, where) for name, entry in table.items()}


def _waiver(name: str, entry: object, where: str) -> Waiver:
    example = f'{name} = {{ reason = "…", until = "2026-12-31" }}'
    if not is_name(name) or not isinstance(entry, dict):
        raise UsageError(f"the exception for {name!r}{where} must be written {example}")
    reason, until, version = entry.get("reason"), entry.get("until"), entry.get("version")
    until = until if isinstance(until, str) else str(until or "")  # TOML has dates of its own
    if not isinstance(reason, str) or not reason.strip() or not _is_date(until):
        raise UsageError(f"the exception for {name}{where} needs a reason and a date: {example}")
    if version is not None and not _are_specifiers(version):
        raise UsageError(f"the version of the exception for {name}{where} must be written ==2.1.1 or >=2,<3")
    if set(entry) - {"reason", "until", "version"}:
        raise UsageError(f"the exception for {name}{where} has fields that are not known; write {example}")
    return Waiver(reason.strip(), until, version if isinstance(version, str) else None)


def _is_date(text: str) -> bool:
    # Imported here: few projects make exceptions.
    from datetime import date

    try:
        return re.fullmatch(_DATE, text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _are_specifiers(version: object) -> bool:
    # Imported here: most exceptions name no version.
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return isinstance(version, str) and len(SpecifierSet(version)) > 0
    except InvalidSpecifier:
        return False
