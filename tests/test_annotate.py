"""modelreg annotate: facts added to a version after it was registered."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import Run
from hand_made import put
from watched_store import WatchedStore

from modelreg import Capture, IntegrityError, NotFoundError, Registry, UsageError
from modelreg.layout import annotation as annotation_key
from modelreg.store import Store


@pytest.fixture
def one(store: Store, model: Path, captured: Capture) -> Registry:
    """A registry with fraud:1, which has two tags, a metric and a description."""
    registry = Registry(store)
    tags = {"team": "risk", "draft": "yes"}
    registry.register(model, "fraud", capture=captured, tags=tags, metrics={"auc": "0.93"}, description="October data")
    return registry


def _facts(store: Store) -> list[dict[str, object]]:
    keys = [entry.key for entry in store.entries("models/fraud/annotations/")]
    assert keys == [annotation_key("fraud", 1, number) for number in range(1, len(keys) + 1)]
    return [json.loads(store.read(key, 10_000)) for key in keys]


STEPS: dict[str, tuple[list[dict[str, object]], dict[str, str], dict[str, str], str]] = {
    "a new tag": ([{"tags": {"stage": "live"}}], {"stage": "live"}, {}, "October data"),
    "a tag replaced": ([{"tags": {"team": "fraud"}}], {"team": "fraud"}, {}, "October data"),
    "a tag removed": ([{"remove_tags": ["draft"]}], {"draft": ""}, {}, "October data"),
    "a tag removed and set again": (
        [{"remove_tags": ["draft"]}, {"tags": {"draft": "no"}}],
        {"draft": "no"},
        {},
        "October data",
    ),
    "a tag replaced in one go": ([{"remove_tags": ["team"], "tags": {"team": "b"}}], {"team": "b"}, {}, "October data"),
    "a tag added and removed": (
        [{"tags": {"stage": "live"}}, {"remove_tags": ["stage"]}],
        {"stage": ""},
        {},
        "October data",
    ),
    "a new metric": ([{"metrics": {"auc_live": 0.71}}], {}, {"auc_live": "0.71"}, "October data"),
    "a metric replaced": ([{"metrics": {"auc": Decimal("0.90")}}], {}, {"auc": "0.90"}, "October data"),
    "a description": ([{"description": "November\ndata"}], {}, {}, "November\ndata"),
    "a description removed": ([{"description": ""}], {}, {}, ""),
    "the last of several": (
        [{"description": "b", "metrics": {"f1": "1"}}, {"metrics": {"f1": "2"}}, {"description": "c"}],
        {},
        {"f1": "2"},
        "c",
    ),
}


@pytest.mark.parametrize(("steps", "tags", "metrics", "description"), STEPS.values(), ids=list(STEPS))
def test_a_version_has_what_was_added_last_and_its_record_stays(
    one: Registry,
    store: Store,
    steps: list[dict[str, object]],
    tags: dict[str, str],
    metrics: dict[str, str],
    description: str,
) -> None:
    key = "models/fraud/versions/00000001.json"
    record, before = store.read(key, 10_000), one.resolve("fraud:1")
    for step in steps:
        returned = one.annotate("fraud:1", **step)  # type: ignore[arg-type]  # the table holds them all
    after = one.resolve("fraud:1")
    assert returned == after
    expected = {name: value for name, value in {**before.tags, **tags}.items() if value}
    assert (after.tags, after.metrics, after.description) == (expected, {**before.metrics, **metrics}, description)
    assert store.read(key, 10_000) == record
    assert (after.digest, after.record) == (before.digest, before.record)
    assert after.record.tags == {"team": "risk", "draft": "yes"}
    assert one.versions("fraud") == (after,)
    assert one.show("fraud").to_mapping()["tags"] == expected
    assert [fact["created_by"] for fact in _facts(store)] == ["anna"] * len(steps)


UNCHANGING: dict[str, dict[str, object]] = {
    "a tag that it has": {"tags": {"team": "risk"}},
    "a metric that it has": {"metrics": {"auc": "0.93"}},
    "the description that it has": {"description": "October data"},
    "a tag that it has not, removed": {"remove_tags": ["stage"]},
    "a tag that it has, removed and set": {"remove_tags": ["team"], "tags": {"team": "risk"}},
    "all at once": {"tags": {"team": "risk"}, "metrics": {"auc": "0.93"}, "description": "October data"},
}


@pytest.mark.parametrize("facts", UNCHANGING.values(), ids=list(UNCHANGING))
def test_what_changes_nothing_is_not_recorded(one: Registry, store: Store, facts: dict[str, object]) -> None:
    before = one.resolve("fraud:1")
    assert one.annotate("fraud:1", **facts) == before  # type: ignore[arg-type]
    assert _facts(store) == []


def test_what_is_compared_is_the_version_as_it_is_now_and_not_as_it_was_when_it_was_read(
    one: Registry, store: Store
) -> None:
    read_before = one.resolve("fraud:1")
    one.annotate("fraud:1", tags={"team": "fraud"})
    assert one.annotate(read_before, tags={"team": "risk"}).tags["team"] == "risk"
    assert len(_facts(store)) == 2


USELESS: dict[str, dict[str, object]] = {
    "nothing": {},
    "empty mappings": {"tags": {}, "metrics": {}, "remove_tags": []},
    "a metric that is no number": {"metrics": {"auc": "good"}},
    "an infinite metric": {"metrics": {"auc": float("inf")}},
    "a tag without a value": {"tags": {"team": ""}},
    "a tag without a name": {"tags": {"": "risk"}},
    "a tag that a terminal would obey": {"tags": {"team": "\x1b[2J"}},
    "a description that a terminal would obey": {"description": "\x1b[2J"},
}


@pytest.mark.parametrize("facts", USELESS.values(), ids=list(USELESS))
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    one: Registry, store: Store, facts: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        one.annotate("fraud:1", **facts)  # type: ignore[arg-type]
    assert _facts(store) == []


def test_a_deleted_version_is_not_annotated(one: Registry, store: Store) -> None:
    version = one.resolve("fraud:1")
    one.delete(version, why="leaked labels")
    for reference in ("fraud:1", version):
        with pytest.raises(NotFoundError, match=r"fraud:1 was deleted by anna on .*: leaked labels"):
            one.annotate(reference, tags={"stage": "live"})
    assert _facts(store) == []


@pytest.mark.parametrize("rivals", [1, 3])
def test_facts_that_several_people_add_at_once_are_all_kept(one: Registry, store: Store, rivals: int) -> None:
    others = iter(range(rivals))

    def before(key: str, data: bytes) -> None:
        rival = next(others, None) if "/annotations/" in key else None
        if rival is not None:
            one.annotate("fraud:1", tags={f"rival{rival}": "yes"})

    after = Registry(WatchedStore(store, before)).annotate("fraud:1", tags={"mine": "yes"})
    assert set(after.tags) == {"team", "draft", "mine", *(f"rival{rival}" for rival in range(rivals))}
    assert after == one.resolve("fraud:1")
    assert len(_facts(store)) == rivals + 1


def test_a_fact_follows_the_last_one_even_where_one_is_missing(one: Registry, store: Store) -> None:
    for stage in ("a", "b", "c"):
        one.annotate("fraud:1", tags={"stage": stage})
    for number in (1, 2):
        store.delete(annotation_key("fraud", 1, number))
    assert one.annotate("fraud:1", tags={"stage": "d"}).tags["stage"] == "d"
    assert store.read(annotation_key("fraud", 1, 4), 10_000)


def test_kinds_of_facts_that_are_not_known_yet_do_no_harm(one: Registry, store: Store) -> None:
    put(store, "annotations/00000001/00000001.json", "annotation", version=1, badges={"serve": {}}, tags={"a": "b"})
    assert one.resolve("fraud:1").tags["a"] == "b"


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit": lambda data: data.replace(b"live", b"lave"),
    "half of it": lambda data: data[: len(data) // 2],
    "nothing": lambda data: b"",
}


@pytest.mark.parametrize("kind", [*DAMAGE, "the fact of another version"])
def test_a_damaged_fact_is_named_and_nothing_is_made_of_the_version(
    one: Registry, store: Store, model: Path, captured: Capture, kind: str
) -> None:
    one.register(model, "fraud", capture=captured)
    one.annotate("fraud:1", tags={"stage": "live"})
    key = annotation_key("fraud", 1, 1)
    data = store.read(key, 10_000)
    store.delete(key)
    if kind in DAMAGE:
        store.create(key, DAMAGE[kind](data))
    else:
        put(store, "annotations/00000001/00000001.json", "annotation", version=2, tags={"stage": "live"})
    for call in (one.resolve, one.pull, one.show, lambda reference: one.annotate(reference, tags={"a": "b"})):
        with pytest.raises(IntegrityError, match=rf"the record {key} in .* is "):
            call("fraud:1")
    told: list[IntegrityError] = []
    assert [version.number for version in one.versions("fraud", told.append)] == [2]
    assert len(told) == 1
    assert one.resolve("fraud").number == 2


# The command


def test_the_command_prints_the_reference_and_says_what_the_version_has_now(run: Run, model: Path) -> None:
    run("register", str(model), "fraud", "--tag", "draft=yes", "--metric", "auc=0.93")
    added = [
        "--tag",
        "stage=live",
        "--metric",
        "auc_live=0.710",
        "--description",
        "seen\nlive",
        "--remove-tag",
        "draft",
    ]
    ran = run("annotate", "fraud", *added)
    assert (ran.code, ran.out) == (0, "fraud:1\n")
    assert ran.err == "fraud:1 now has stage=live, auc=0.93, auc_live=0.710.\n"
    assert run("annotate", "fraud", "--remove-tag", "stage", "-q").err == ""
    answer = json.loads(run("annotate", "fraud:1", "--metric", "f1=1", "--json").out)
    assert (answer["tags"], answer["metrics"]) == ({}, {"auc": 0.93, "auc_live": 0.71, "f1": 1})
    assert answer["description"] == "seen\nlive"
    assert json.loads(run("show", "fraud:1", "--json").out)["metrics"] == answer["metrics"]
    listed = json.loads(run("list", "fraud", "--json").out)["versions"][0]
    assert (listed["metrics"], listed["description"]) == (answer["metrics"], "seen\nlive")
    assert "auc=0.93 auc_live=0.710 f1=1" in run("list", "fraud").out
    pulled = run("pull", "fraud:1", "-o", "out")
    assert pulled.code == 0
    assert "auc_live: 0.71\n" in Path("out", "modelreg.yaml").read_text()


REFUSED = {
    "nothing to add": ([], 2, "nothing to annotate: give --tag, --metric, --description or --remove-tag"),
    "a metric that is no number": (["--metric", "auc=good"], 2, "the metric auc must be a finite number, not 'good'"),
    "a tag without a value": (["--tag", "team"], 2, "write it as key=value"),
    "a tag twice": (["--tag", "a=1", "--tag", "a=2"], 2, "--tag a is given twice"),
}


@pytest.mark.parametrize(("arguments", "code", "said"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_added_is_said_in_one_sentence(
    run: Run, beside: Registry, model: Path, captured: Capture, arguments: list[str], code: int, said: str
) -> None:
    beside.register(model, "fraud", capture=captured)
    ran = run("annotate", "fraud:1", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_what_does_not_exist_or_was_damaged_ends_with_its_own_code(
    run: Run, beside: Registry, model: Path, captured: Capture, tmp_path: Path
) -> None:
    beside.register(model, "fraud", capture=captured)
    assert run("annotate", "fraud:2", "--tag", "a=b").code == 4
    beside.annotate("fraud:1", tags={"a": "b"})
    (tmp_path / "registry" / annotation_key("fraud", 1, 1)).write_bytes(b"{}")
    for command in (["annotate", "fraud:1", "--tag", "a=b"], ["show", "fraud:1"], ["list", "fraud"]):
        ran = run(*command)
        assert ran.code == 6
        assert annotation_key("fraud", 1, 1) in ran.err
