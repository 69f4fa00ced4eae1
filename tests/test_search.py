"""Finding versions: conditions as values, and over a registry."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from found_versions import register_some

from modelreg import Capture, Environment, IntegrityError, NotFoundError, Package, Registry, UsageError, Version
from modelreg.records import Artifact, CaptureNote, EnvironmentSummary, VersionRecord
from modelreg.search import MetricCondition, Query
from modelreg.store import Store
from modelreg.version import State


def _version(
    number: int,
    *,
    model: str = "fraud",
    metrics: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    aliases: tuple[str, ...] = (),
    created: str = "2026-10-01T12:00:00Z",
    environment: str = "",
    state: State = State.LIVE,
) -> Version:
    record = VersionRecord(
        model,
        number,
        "0" * 32,
        created,
        "anna",
        Artifact("20261001T120000Z-" + "0" * 32, "sha256:" + "0" * 64, 1, 1, "file", None),
        EnvironmentSummary(f"sha256:{environment:0>64}", "3.11.7", 1),
        CaptureNote("modelreg 0.1.0", "venv"),
        None,
        "",
        tags or {},
        {},
        metrics or {},
    )
    return Version(record, f"sha256:{number:064}", aliases, (), state)


# Conditions on metrics

MET: dict[str, tuple[str, bool]] = {
    "auc>=0.9": ("0.9", True),
    "auc>=0.90": ("0.9", True),
    "auc >= 0.9": ("0.89999999999999999999", False),
    "auc>0.9": ("0.9", False),
    "auc>.9": ("0.90000000000000000001", True),
    "auc<=9e-1": ("0.9", True),
    "auc<1": ("1", False),
    "auc<1 ": ("-1e300", True),
    "auc=0.9": ("0.900", True),
    "auc==0.9": ("0.9", True),
    "auc!=0.9": ("0.900", False),
    " auc!=0.9": ("0.91", True),
    "auc>=-1": ("-1", True),
    "auc>=+1": ("1", True),
}


@pytest.mark.parametrize(("condition", "value", "holds"), [(text, *rest) for text, rest in MET.items()], ids=list(MET))
def test_a_condition_compares_a_metric_as_an_exact_number(condition: str, value: str, holds: bool) -> None:
    parsed = MetricCondition.parse(condition)
    assert parsed.holds(_version(1, metrics={"auc": value})) == holds
    assert not parsed.holds(_version(1, metrics={"AUC": value}))
    assert not parsed.holds(_version(1))


NAMES = {
    "recall@fpr<0.01>=0.5": ("recall@fpr<0.01", ">=", "0.5"),
    "auc (live) >= 0.5": ("auc (live)", ">=", "0.5"),
    "a=b=1": ("a=b", "=", "1"),
    "größe<1": ("größe", "<", "1"),
}


@pytest.mark.parametrize(("condition", "parts"), NAMES.items(), ids=list(NAMES))
def test_a_metric_may_have_nearly_any_name(condition: str, parts: tuple[str, str, str]) -> None:
    parsed = MetricCondition.parse(condition)
    assert (parsed.name, parsed.comparison, parsed.bound) == (*parts[:2], Decimal(parts[2]))


@pytest.mark.parametrize(
    "condition",
    [
        *("", " ", "auc", "auc>=", ">=0.9", " >=0.9", "auc>=high", "auc>=nan", "auc<=inf", "auc>=1_0", "auc=>0.9"),
        *("auc=<0.9", "auc<>0.9", "auc>>0.9", "auc>=0.9 or", "auc>=1e999", "auc>=0,9", "auc ~ 0.9"),
    ],
)
def test_what_is_no_condition_is_refused(condition: str) -> None:
    with pytest.raises(UsageError, match=r"write a condition such as 'auc>=0.9'|must be a finite number"):
        MetricCondition.parse(condition)


# Queries

NEWEST_FIRST = (
    _version(5, metrics={"auc": "0.95", "loss": "0.3"}, created="2026-10-05T12:00:00Z", state=State.DELETED),
    _version(4, metrics={"auc": "0.90"}, tags={"team": "risk", "stage": "live"}, created="2026-10-04T12:00:00Z"),
    _version(3, tags={"team": "growth"}, aliases=("canary",), created="2026-10-03T12:00:00Z"),
    _version(2, metrics={"auc": "0.9", "loss": "0.1"}, tags={"team": "risk"}, created="2026-10-02T12:00:00Z"),
    _version(1, metrics={"auc": "-1e2", "loss": "0.2"}, aliases=("canary", "production"), tags={"stage": ""}),
)

QUERIES: dict[str, tuple[Query, list[int]]] = {
    "everything": (Query(), [4, 3, 2, 1]),
    "deleted ones, too": (Query(deleted=True), [5, 4, 3, 2, 1]),
    "an alias": (Query(aliases=("production",)), [1]),
    "an alias of several": (Query(aliases=("canary",)), [3, 1]),
    "two aliases": (Query(aliases=("canary", "production")), [1]),
    "an alias that is not there": (Query(aliases=("staging",)), []),
    "a tag": (Query(tags={"team": None}), [4, 3, 2]),
    "a tag with a value": (Query(tags={"team": "risk"}), [4, 2]),
    "a tag with an empty value": (Query(tags={"stage": ""}), [1]),
    "two tags": (Query(tags={"team": "risk", "stage": None}), [4]),
    "a tag that is not there": (Query(tags={"owner": None}), []),
    "a metric": (Query(metrics=(MetricCondition.parse("auc>=0.9"),)), [4, 2]),
    "a metric within bounds": (
        Query(metrics=(MetricCondition.parse("loss>0.1"), MetricCondition.parse("loss<0.3"))),
        [1],
    ),
    "since": (Query(since="2026-10-03T12:00:00Z"), [4, 3]),
    "since a second later": (Query(since="2026-10-03T12:00:01Z"), [4]),
    "the best first": (Query(sort="metric:auc"), [4, 2, 1]),
    "the best first, said in full": (Query(sort="metric:auc:desc"), [4, 2, 1]),
    "the best, deleted ones, too": (Query(sort="metric:auc", deleted=True), [5, 4, 2, 1]),
    "the lowest first": (Query(sort="metric:loss:asc"), [2, 1]),
    "the best alone": (Query(sort="metric:auc", limit=1), [4]),
    "the best of no metric": (Query(sort="metric:f1", limit=1), []),
    "the newest two": (Query(limit=2), [4, 3]),
    "more than there are": (Query(limit=99), [4, 3, 2, 1]),
    "by time": (Query(sort="created"), [4, 3, 2, 1]),
    "all at once": (
        Query(tags={"team": "risk"}, metrics=(MetricCondition.parse("auc>=0.9"),), sort="metric:loss:asc", limit=1),
        [2],
    ),
}


def _nothing(_: Version) -> Environment | None:
    raise AssertionError("no condition asks for packages")


@pytest.mark.parametrize(("query", "numbers"), QUERIES.values(), ids=list(QUERIES))
def test_all_conditions_must_hold(query: Query, numbers: list[int]) -> None:
    assert [version.number for version in query.select(NEWEST_FIRST, _nothing)] == numbers
    assert query.is_empty == (query == Query())


def test_of_several_models_the_newest_or_the_best_comes_first_whichever_it_is_of() -> None:
    versions = (
        _version(2, model="churn", metrics={"auc": "0.8"}, created="2026-10-02T12:00:00Z"),
        _version(1, model="churn", metrics={"auc": "0.9"}, created="2026-10-01T12:00:00Z"),
        _version(1, model="fraud", metrics={"auc": "0.85"}, created="2026-10-03T12:00:00Z"),
    )
    ordered = [
        [version.reference for version in Query(sort=sort).select(versions, _nothing)]
        for sort in (None, "created", "metric:auc")
    ]
    assert ordered == [
        ["churn:2", "churn:1", "fraud:1"],
        ["fraud:1", "churn:2", "churn:1"],
        ["churn:1", "fraud:1", "churn:2"],
    ]


@pytest.mark.parametrize("sort", ["", "auc", "metric", "metric:", "name", "created:asc", "Metric:auc"])
def test_an_order_that_is_none_is_refused_before_anything_is_read(sort: str) -> None:
    def never() -> Iterator[Version]:
        pytest.fail("nothing need be read")
        yield _version(1)

    with pytest.raises(UsageError, match="write metric:NAME, such as metric:auc, or created"):
        Query(sort=sort).select(never(), _nothing)


@pytest.mark.parametrize(
    ("alias", "said"), [("latest", "modelreg list shows"), ("Prod", "such as prod"), ("3", "reserved")]
)
def test_an_alias_that_cannot_be_is_not_looked_for(alias: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Query(aliases=(alias,)).select(NEWEST_FIRST, _nothing)


# Packages

DEPENDS: dict[str, tuple[str, str, bool]] = {
    "older": ("numpy<2", "1.26.4", True),
    "not older": ("numpy<2", "2.0.0", False),
    "between": ("numpy>=1.20,<1.22", "1.21.6", True),
    "beyond": ("numpy>=1.20,<1.22", "1.22.0", False),
    "exactly": ("numpy==1.26.4", "1.26.4", True),
    "exactly, written shorter": ("numpy==1.26", "1.26.0", True),
    "by a pattern": ("numpy==1.26.*", "1.26.4", True),
    "any version": ("numpy", "1.26.4", True),
    "a release candidate of the bound": ("numpy<2", "2.0.0rc1", False),
    "a release candidate below the bound": ("numpy<2", "1.99rc1", True),
    "a release candidate above": ("numpy>1", "2.0.0rc1", True),
    "a development release": ("numpy>=1.26", "1.27.dev0", True),
    "a local build of the version": ("numpy==2.0.0", "2.0.0+cu118", True),
    "a local build, not above": ("numpy>2.0.0", "2.0.0+cu118", False),
    "a local build, asked for": ("numpy==2.0.0+cu118", "2.0.0+cu118", True),
    "another local build": ("numpy==2.0.0+cu118", "2.0.0+cpu", False),
    "no version, any asked for": ("numpy", "custom-build", True),
    "no version, in no order": ("numpy<2", "custom-build", False),
    "no version, by its text": ("numpy===custom-build", "custom-build", True),
    "another spelling": ("NumPy<2", "1.26.4", True),
    "extras do not matter": ("numpy[tests]<2", "1.26.4", True),
    "another package": ("num-py<2", "1.26.4", False),
    "a part of the name": ("num<2", "1.26.4", False),
}


@pytest.mark.parametrize(("requirement", "pinned", "found"), DEPENDS.values(), ids=list(DEPENDS))
def test_a_version_is_found_by_what_it_pins(captured: Capture, requirement: str, pinned: str, found: bool) -> None:
    packages = (Package("joblib", "1.5.1"), Package("numpy", pinned))
    environment = captured.environment._replace(packages=packages)
    assert bool(Query(depends_on=(requirement,)).select([_version(1)], lambda _: environment)) == found


def test_names_are_compared_as_pip_does(captured: Capture) -> None:
    for typed in ("scikit-learn<2", "scikit_learn<2", "Scikit.Learn<2", "SCIKIT-LEARN"):
        assert Query(depends_on=(typed,)).select([_version(1)], lambda _: captured.environment)


def test_each_requirement_must_be_met_and_an_environment_is_read_once(captured: Capture) -> None:
    asked: list[int] = []
    packages = (Package("joblib", "1.5.1"), Package("numpy", "1.26.4"))
    old = captured.environment._replace(packages=packages)

    def environment_of(version: Version) -> Environment | None:
        asked.append(version.number)
        return {"a": captured.environment, "b": old, "c": None}[version.environment.digest[-1]]

    versions = [_version(number, environment="abc"[number % 3]) for number in range(9, 0, -1)]
    query = Query(depends_on=("numpy<2", "joblib>=1"))
    assert [version.number for version in query.select(versions, environment_of)] == [7, 4, 1]
    assert asked == [9, 8, 7]


NO_REQUIREMENTS = ["", "<2", "numpy 2", "numpy=2", "numpy<two", "-r x", "numpy<2; os_name=='nt'", "a @ https://b.org/c"]


@pytest.mark.parametrize("requirement", NO_REQUIREMENTS)
def test_what_is_no_requirement_is_refused(requirement: str) -> None:
    with pytest.raises(UsageError, match="write a requirement such as 'numpy<2'"):
        Query(depends_on=(requirement,)).select([], _nothing)


# Over a registry


@pytest.fixture
def five(store: Store, model: Path, captured: Capture) -> Registry:
    """The registry of found_versions.py, where fraud:1 has become the best later."""
    registry = register_some(store, model, captured)
    registry.annotate("fraud:1", metrics={"auc": "0.99"}, tags={"reviewed": "anna"})
    return registry


FOUND: dict[str, tuple[Query, str | None, list[str]]] = {
    "of one model": (Query(), "fraud", ["fraud:4", "fraud:2", "fraud:1"]),
    "of all models": (Query(), None, ["churn:1", "fraud:4", "fraud:2", "fraud:1"]),
    "what was deleted": (Query(deleted=True), "fraud", ["fraud:4", "fraud:3", "fraud:2", "fraud:1"]),
    "what is in production": (Query(aliases=("production",)), None, ["churn:1", "fraud:2"]),
    "by a metric added later": (Query(metrics=(MetricCondition.parse("auc>=0.95"),)), None, ["fraud:4", "fraud:1"]),
    "by a tag added later": (Query(tags={"reviewed": None}), None, ["fraud:1"]),
    "what an advisory hits": (Query(depends_on=("numpy<2",)), None, ["churn:1", "fraud:4", "fraud:1"]),
    "since a day": (Query(since="2026-10-03T00:00:00Z"), None, ["churn:1", "fraud:4"]),
    "the best": (Query(sort="metric:auc", limit=1), "fraud", ["fraud:1"]),
}


@pytest.mark.parametrize(("query", "name", "references"), FOUND.values(), ids=list(FOUND))
def test_a_registry_finds_versions_of_one_model_or_of_all(
    five: Registry, query: Query, name: str | None, references: list[str]
) -> None:
    assert [version.reference for version in five.find(query, name)] == references


def test_what_is_found_is_what_resolves(five: Registry) -> None:
    for version in five.find(Query()):
        assert version == five.resolve(version.reference)
    deleted = next(version for version in five.find(Query(deleted=True), "fraud") if version.number == 3)
    assert deleted.state is State.DELETED
    assert deleted.deletion is not None
    assert deleted.deletion.why == "leaked labels"


def test_a_model_that_never_was_is_no_empty_answer(five: Registry) -> None:
    with pytest.raises(NotFoundError, match="there is no model absent"):
        five.find(Query(), "absent")


def _damage(store: Store, key: str) -> None:
    store.delete(key)
    store.create(key, b"{}")


def _environment_key(store: Store, version: Version) -> str:
    return f"models/{version.model}/environments/{version.environment.digest.removeprefix('sha256:')}.json"


DAMAGED: dict[str, tuple[Callable[[Store, Version], str], list[str]]] = {
    "a version record": (lambda _, version: f"models/fraud/versions/{version.number:08d}.json", ["churn:1", "fraud:4"]),
    "an environment": (_environment_key, ["churn:1"]),
}


@pytest.mark.parametrize(("key_of", "references"), DAMAGED.values(), ids=list(DAMAGED))
def test_damage_is_told_once_and_the_rest_is_found(
    five: Registry, store: Store, key_of: Callable[[Store, Version], str], references: list[str]
) -> None:
    key = key_of(store, five.resolve("fraud:1"))
    _damage(store, key)
    told: list[IntegrityError] = []
    query = Query(depends_on=("numpy<2",))
    assert [version.reference for version in five.find(query, None, told.append)] == references
    assert [key in str(error) for error in told] == [True]
    with pytest.raises(IntegrityError, match=key):
        five.find(query)
