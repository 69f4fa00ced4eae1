"""modelreg history: the whole story of a model, in order."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from clocked_store import ClockedStore
from conftest import Run
from hand_made import put_collection, put_deletion
from terminal import on_terminal, plain

from modelreg import Capture, IntegrityError, NotFoundError, Registry
from modelreg.store import Store
from modelreg.store.local import LocalStore


def _tell_a_story(store: Store, model: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Two versions and all that can happen to them but a garbage collection, an hour apart."""
    clocked = ClockedStore(store)
    registry = Registry(clocked)
    steps: tuple[Callable[[], object], ...] = (
        lambda: registry.register(model, "fraud", capture=captured),
        lambda: registry.set_alias("fraud:1", "production", why="first release"),
        lambda: registry.register(model, "fraud", capture=captured),
        lambda: registry.set_alias("fraud:2", "production"),
        lambda: registry.annotate("fraud:2", tags={"stage": "live"}, metrics={"auc": "0.9"}, description="two\nlines"),
        lambda: registry.annotate("fraud:2", remove_tags=["stage"]),
        lambda: registry.roll_back_alias("fraud", "production", why="false alarms"),
        lambda: registry.delete("fraud:2", why="leaked labels"),
        lambda: registry.restore("fraud:2", why="a mistake"),
        lambda: registry.remove_alias("fraud", "production"),
    )
    for hour, step in enumerate(steps):
        clocked.set(f"2026-10-01T{hour:02}:30:00Z")
        monkeypatch.setenv("MODELREG_ACTOR", "anna" if hour < 6 else "ben")
        step()
    return registry


STORY: list[tuple[int, str, str, int | None, str, str]] = [
    (0, "anna", "registered", 1, "pickle, 1,{size} bytes", ""),
    (1, "anna", "aliased", 1, "production", "first release"),
    (2, "anna", "registered", 2, "pickle, 1,{size} bytes", ""),
    (3, "anna", "aliased", 2, "production (was fraud:1)", ""),
    (4, "anna", "annotated", 2, "tag stage=live, metric auc=0.9, description: two\nlines", ""),
    (5, "anna", "annotated", 2, "tag stage removed", ""),
    (6, "ben", "rolled back", 1, "production (was fraud:2)", "false alarms"),
    (7, "ben", "deleted", 2, "", "leaked labels"),
    (8, "ben", "restored", 2, "", "a mistake"),
    (9, "ben", "unaliased", None, "production (was fraud:1)", ""),
]


def test_the_story_tells_everything_in_order_with_who_when_and_why(
    store: Store, model: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = _tell_a_story(store, model, captured, monkeypatch)
    size = f"{model.stat().st_size:,}".removeprefix("1,")
    assert [
        (one.created, one.created_by, one.kind, one.version, one.text, one.why) for one in registry.history("fraud")
    ] == [
        (f"2026-10-01T{hour:02}:30:00Z", by, kind, version, text.format(size=size), why)
        for hour, by, kind, version, text, why in STORY
    ]
    moves = [(one.alias, one.before, one.version) for one in registry.history("fraud") if one.alias]
    assert moves == [
        ("production", None, 1),
        ("production", 1, 2),
        ("production", 2, 1),
        ("production", 1, None),
    ]


def test_where_a_version_came_from_is_told(registry: Registry, model: Path, captured: Capture) -> None:
    for arguments in (["init", "-q"], ["add", "model.pkl"], ["commit", "-q", "-m", "a model"]):
        subprocess.run(["git", "-c", "user.name=anna", "-c", "user.email=anna@example.org", *arguments], check=True)
    version = registry.register(model, "fraud", capture=captured).version
    assert version.source is not None
    assert registry.history("fraud")[0].text.endswith(f" bytes, from git {version.source.commit[:12]}")


def test_where_a_copy_was_copied_from_is_told(registry: Registry, model: Path, captured: Capture, store: Store) -> None:
    registry.register(model, "fraud", capture=captured)
    registry.register(model, "fraud", capture=captured)
    other = Registry(LocalStore(Path("released").absolute()))
    registry.copy("fraud:2", other)
    assert other.history("fraud")[0].text.endswith(f" bytes, copied from fraud:2 in {store.url}")


def test_a_collection_tells_which_versions_lost_their_files(store: Store, model: Path, captured: Capture) -> None:
    registry = Registry(store)
    first = registry.register(model, "fraud", capture=captured).version
    registry.register(model, "fraud", capture=captured)
    model.write_bytes(b"another")
    registry.register(model, "fraud", capture=captured)
    put_deletion(store, 1, "deleted")
    put_deletion(store, 2, "deleted")
    put_collection(store, 1, [first.artifact.upload], [])
    put_collection(store, 2, [first.artifact.upload], [first.artifact.upload])
    put_collection(store, 3, [first.artifact.upload])
    story = registry.history("fraud")
    collected = [(one.version, one.created_by, one.text) for one in story if one.kind == "collected"]
    assert collected == [(1, "ben", "its files are gone"), (2, "ben", "its files are gone")]


def test_a_restoring_that_came_to_nothing_is_not_told(store: Store, model: Path, captured: Capture) -> None:
    Registry(store).register(model, "fraud", capture=captured)
    put_deletion(store, 1, "deleted", "restoring", "deleted", "restoring")
    assert [one.kind for one in Registry(store).history("fraud")].count("deleted") == 2
    assert len(Registry(store).history("fraud")) == 3


def test_what_happened_within_a_second_begins_with_the_registration(
    store: Store, model: Path, captured: Capture
) -> None:
    registry = Registry(ClockedStore(store))
    for _ in range(2):
        registry.register(model, "fraud", capture=captured, aliases=["staging"])
    registry.annotate("fraud:1", tags={"a": "b"})
    registry.delete("fraud:1")
    kinds = [(one.kind, one.version) for one in registry.history("fraud")]
    assert kinds == [
        ("registered", 1),
        ("registered", 2),
        ("aliased", 1),
        ("aliased", 2),
        ("annotated", 1),
        ("deleted", 1),
    ]


CLOCKS = {
    "set back for a day": ["2026-10-02T12:00:00Z", "2026-10-01T12:00:00Z", "2026-10-03T12:00:00Z"],
    "set back a little more each time": ["2026-10-03T12:00:00Z", "2026-10-02T12:00:00Z", "2026-10-01T12:00:00Z"],
}


@pytest.mark.parametrize("times", CLOCKS.values(), ids=list(CLOCKS))
def test_numbers_and_not_clocks_give_the_order(
    store: Store, model: Path, captured: Capture, times: Sequence[str]
) -> None:
    clocked = ClockedStore(store)
    registry = Registry(clocked)
    for _ in range(3):
        registry.register(model, "fraud", capture=captured)
    for number, time in enumerate(times, 1):
        clocked.set(time)
        registry.set_alias(f"fraud:{number}", "production")
        registry.annotate("fraud:1", metrics={"auc": str(number)})
    story = registry.history("fraud")
    assert [(one.version, one.created) for one in story if one.kind == "aliased"] == list(
        zip((1, 2, 3), times, strict=True)
    )
    assert [one.text for one in story if one.kind == "annotated"] == [f"metric auc={number}" for number in (1, 2, 3)]


def test_there_is_no_story_of_a_model_that_never_was(registry: Registry, model: Path, captured: Capture) -> None:
    registry.register(model, "fraud", capture=captured)
    with pytest.raises(NotFoundError, match=r"there is no model churn in .*; see modelreg list"):
        registry.history("churn")


def test_a_model_of_which_all_was_deleted_still_has_a_story(registry: Registry, model: Path, captured: Capture) -> None:
    registry.register(model, "fraud", capture=captured)
    registry.delete("fraud:1", why="leaked labels")
    assert [one.kind for one in registry.history("fraud")] == ["registered", "deleted"]


def test_a_damaged_record_is_named_and_no_story_is_told_without_it(
    store: Store, model: Path, captured: Capture
) -> None:
    registry = Registry(store)
    registry.register(model, "fraud", capture=captured)
    registry.set_alias("fraud:1", "production")
    registry.set_alias("fraud:1", "staging")
    key = "models/fraud/aliases/production/00000001.json"
    store.delete(key)
    store.create(key, b"{}")
    with pytest.raises(IntegrityError, match=key):
        registry.history("fraud")


# The command


@pytest.fixture
def told(tmp_path: Path, model: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The same story in the registry that commands work on."""
    return _tell_a_story(LocalStore(tmp_path / "registry"), model, captured, monkeypatch)


def test_the_command_prints_the_story_as_a_table(told: Registry, run: Run) -> None:
    lines = run("history", "fraud").out.splitlines()
    assert len(lines) == 1 + len(STORY)
    assert [lines[0], lines[2], *lines[4:9], lines[10]] == [
        "WHEN (UTC)        WHAT         VERSION  BY    DETAILS",
        "2026-10-01 01:30  aliased      fraud:1  anna  production: first release",
        "2026-10-01 03:30  aliased      fraud:2  anna  production (was fraud:1)",
        "2026-10-01 04:30  annotated    fraud:2  anna  tag stage=live, metric auc=0.9, description: two\\nlines",
        "2026-10-01 05:30  annotated    fraud:2  anna  tag stage removed",
        "2026-10-01 06:30  rolled back  fraud:1  ben   production (was fraud:2): false alarms",
        "2026-10-01 07:30  deleted      fraud:2  ben   leaked labels",
        "2026-10-01 09:30  unaliased             ben   production (was fraud:1)",
    ]


def test_the_story_fits_a_terminal(told: Registry) -> None:
    for columns in (80, 120):
        shown = plain(on_terminal("history", "fraud", columns=columns, MODELREG_REGISTRY=told.url))
        assert max(len(line) for line in shown) <= columns
        assert [line.split()[2] for line in shown if line.startswith("2026-")] == [
            kind.split()[0] for _, _, kind, *_ in STORY
        ]


def test_quietly_each_happening_is_a_word_and_a_version(told: Registry, run: Run) -> None:
    assert run("history", "fraud", "-q").out.splitlines() == [
        "registered fraud:1",
        "aliased fraud:1",
        "registered fraud:2",
        "aliased fraud:2",
        "annotated fraud:2",
        "annotated fraud:2",
        "rolled back fraud:1",
        "deleted fraud:2",
        "restored fraud:2",
        "unaliased fraud@production",
    ]


def test_json_tells_the_story_with_numbers_as_numbers(told: Registry, run: Run) -> None:
    answer = json.loads(run("history", "fraud", "--json").out)
    assert answer["model"] == "fraud"
    assert answer["history"][6] == {
        "created": "2026-10-01T06:30:00Z",
        "created_by": "ben",
        "kind": "rolled back",
        "version": 1,
        "text": "production (was fraud:2)",
        "why": "false alarms",
        "alias": "production",
        "before": 2,
    }
    assert answer["history"][9]["version"] is None


@pytest.mark.parametrize(("name", "code"), [("churn", 4), ("Fraud", 2), ("fraud:1", 2)])
def test_only_a_model_has_a_story(told: Registry, run: Run, name: str, code: int) -> None:
    ran = run("history", name)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ")
