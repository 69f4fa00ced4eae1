"""Finding versions by what is known of them. Pure: conditions in, a choice of versions out."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from modelreg.environment.record import Environment, normalized
from modelreg.errors import UsageError
from modelreg.records import metric
from modelreg.reference import LATEST, check_alias_name
from modelreg.version import State, Version

if TYPE_CHECKING:
    from decimal import Decimal

_COMPARISONS: Mapping[str, Callable[["Decimal", "Decimal"], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_METRIC_ORDER = re.compile(r"metric:(.+?)(:asc|:desc)?")
# A name may hold these signs (recall@fpr<0.01), but neither begin nor end with one.
_CONDITION = re.compile(r"\s*([^<>=!\s](?:.*?[^<>=!\s])?)\s*(>=|<=|!=|==|=|>|<)\s*([^<>=!\s]+)\s*")


class MetricCondition(NamedTuple):
    """A condition such as `auc>=0.9`; a version without the metric does not meet it."""

    name: str
    comparison: str
    bound: "Decimal"

    @classmethod
    def parse(cls, text: str) -> "MetricCondition":
        """Read a condition.

        Raises:
            UsageError: it is none.
        """
        match = _CONDITION.fullmatch(text)
        if match is None:
            raise UsageError(f"--metric {text!r}: write a condition such as 'auc>=0.9'")
        return cls(match[1], match[2], _number(metric(match[1], match[3])))

    def holds(self, version: Version) -> bool:
        """Tell whether a version meets it."""
        value = version.metrics.get(self.name)
        return value is not None and _COMPARISONS[self.comparison](_number(value), self.bound)


class Query(NamedTuple):
    """What `list` looks for; every condition must hold.

    tags: names with the wanted value, or None where any will do.
    depends_on: requirements (PEP 508), such as `numpy<2`, each of which a pin must meet.
    since: `YYYY-MM-DDTHH:MM:SSZ`.
    sort: `metric:NAME`, highest first, or `metric:NAME:asc`, lowest first, both without the versions that lack it; or
    `created`, newest first. Without it, by model, newest first.
    deleted: show versions that are not live, too.
    """

    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str | None] = {}
    metrics: tuple[MetricCondition, ...] = ()
    depends_on: tuple[str, ...] = ()
    since: str | None = None
    sort: str | None = None
    limit: int | None = None
    deleted: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing in particular."""
        return self == Query()

    def select(
        self, versions: Iterable[Version], environment_of: Callable[[Version], Environment | None]
    ) -> tuple[Version, ...]:
        """Return the versions, given newest first, that meet all conditions, in the order and number asked for.

        environment_of: asked where packages count, and once for all versions that share one; None is no environment to
        depend on anything.

        Raises:
            UsageError: an alias, a requirement or the order makes no sense.
        """
        for alias in self.aliases:
            if alias == LATEST:
                raise UsageError("--alias latest: modelreg list shows the latest version of each model")
            check_alias_name(alias)
        depends = [_Dependency(text) for text in self.depends_on]
        answers: dict[tuple[str, str], bool] = {}

        def meets(version: Version) -> bool:
            key = version.model, version.environment.digest
            if key not in answers:
                environment = environment_of(version)
                answers[key] = environment is not None and all(one.holds(environment) for one in depends)
            return answers[key]

        found = (version for version in versions if self._is_meant(version) and (not depends or meets(version)))
        return tuple(islice(found if self.sort is None else self._sorted(found), self.limit))

    def _is_meant(self, version: Version) -> bool:
        return (
            (self.deleted or version.state is State.LIVE)
            and all(alias in version.aliases for alias in self.aliases)
            and all(_has(version.tags, name, value) for name, value in self.tags.items())
            and all(condition.holds(version) for condition in self.metrics)
            and (self.since is None or version.created >= self.since)
        )

    def _sorted(self, versions: Iterable[Version]) -> list[Version]:
        if self.sort == "created":
            return sorted(versions, key=lambda version: version.created, reverse=True)
        match = _METRIC_ORDER.fullmatch(self.sort or "")
        if match is None:
            raise UsageError(f"--sort {self.sort!r}: write metric:NAME, such as metric:auc, or created")
        name, ascending = match[1], match[2] == ":asc"
        measured = ((version, version.metrics.get(name)) for version in versions)
        ranked = [(version, _number(value)) for version, value in measured if value is not None]
        return [version for version, _ in sorted(ranked, key=operator.itemgetter(1), reverse=not ascending)]


def _number(text: str) -> "Decimal":
    # Imported here: most lists are of all there is.
    from decimal import Decimal

    return Decimal(text)


class _Dependency:
    """A requirement that an environment's pins may meet."""

    def __init__(self, text: str) -> None:
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            requirement = None
        if requirement is None or requirement.marker or requirement.url:
            raise UsageError(f"--depends-on {text!r}: write a requirement such as 'numpy<2'")
        self._name = normalized(requirement.name)
        self._specifiers = requirement.specifier

    def holds(self, environment: Environment) -> bool:
        return any(package.name == self._name and self._meets(package.version) for package in environment.packages)

    def _meets(self, version: str) -> bool:
        from packaging.version import InvalidVersion, Version

        try:
            return self._specifiers.contains(Version(version), prereleases=True)
        except InvalidVersion:
            # Such a version has no place in an order: nothing is known of it but its text.
            return all(one.operator == "===" and one.version == version for one in self._specifiers)


def _has(tags: Mapping[str, str], name: str, value: str | None) -> bool:
    return name in tags and value in (None, tags[name])
