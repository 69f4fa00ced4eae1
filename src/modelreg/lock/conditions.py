"""The conditions of a lock (PEP 508, PEP 751), judged for the environment that it is to be compared with."""

import re
from collections.abc import Iterable

from modelreg.environment.markers import marker_variables
from modelreg.environment.record import Environment, normalized

_MEMBER = re.compile(r"""(["'])(?P<name>[^"']*)\1\s+(?P<no>not\s+)?in\s+(?P<set>extras|dependency_groups)\b""")
_EXTRA = re.compile(r"""\bextra\s*(?P<sign>==|!=)\s*(["'])(?P<name>[^"']*)\2""")
_EXTRA_LAST = re.compile(r"""(["'])(?P<name>[^"']*)\1\s*(?P<sign>==|!=)\s*extra\b""")
_UNRECORDED = re.compile(r"\bplatform[._](release|version)\b")
_ALWAYS, _NEVER = 'os_name != ""', 'os_name == ""'


class Conditions:
    """Judges conditions for one environment, and for the extras and groups that are chosen.

    Older releases of `packaging` know neither sets of extras nor groups, so those parts are judged here.
    """

    def __init__(self, environment: Environment, extras: Iterable[str] = (), groups: Iterable[str] = ()) -> None:
        self._variables = marker_variables(environment)
        self._version = environment.python.version
        self._chosen = {"extras": set(map(normalized, extras)), "dependency_groups": set(map(normalized, groups))}
        self._known: dict[str, bool | None] = {}

    def hold(self, marker: str | None) -> bool | None:
        """Tell whether a condition holds; None: it cannot be judged."""
        if not marker:
            return True
        if marker not in self._known:
            self._known[marker] = self._judged(marker)
        return self._known[marker]

    def admits(self, specifiers: str | None) -> bool | None:
        """Tell whether the Python is one of those that a lock is for; None: it cannot be judged."""
        if not specifiers:
            return True
        # Imported here, as below: a requirements file of plain pins does without.
        from packaging.specifiers import InvalidSpecifier, SpecifierSet
        from packaging.version import InvalidVersion

        try:
            return SpecifierSet(specifiers).contains(self._version, prereleases=True)
        except (InvalidSpecifier, InvalidVersion):
            return None

    def foreign(self, environments: tuple[str, ...]) -> tuple[str, ...]:
        """Return the environments that a lock is for where this one is certainly none of them; else nothing."""
        return () if not environments or any(self.hold(one) is not False for one in environments) else environments

    def _judged(self, marker: str) -> bool | None:
        from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
        from packaging.version import InvalidVersion

        if _UNRECORDED.search(marker):
            return None
        plain = _MEMBER.sub(self._member, marker)
        plain = _EXTRA_LAST.sub(self._extra, _EXTRA.sub(self._extra, plain))
        try:
            return Marker(plain).evaluate({**self._variables, "extra": ""})
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, InvalidVersion, RecursionError):
            return None

    def _member(self, match: re.Match[str]) -> str:
        is_chosen = normalized(match["name"]) in self._chosen[match["set"]]
        return _ALWAYS if is_chosen is not bool(match["no"]) else _NEVER

    def _extra(self, match: re.Match[str]) -> str:
        is_chosen = normalized(match["name"]) in self._chosen["extras"]
        return _ALWAYS if is_chosen is (match["sign"] == "==") else _NEVER
