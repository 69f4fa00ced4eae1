"""modelreg alias: moving, removing, rolling back, and what an alias pointed at then."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from clocked_store import ClockedStore
from conftest import Run
from hand_made import put, put_moves
from watched_store import WatchedStore

from modelreg import Capture, ConflictError, IntegrityError, NotFoundError, Registry, UsageError
from modelreg.layout import alias as alias_key
from modelreg.store import Store


def _moves(store: Store, alias: str = "production") -> list[dict[str, object]]:
    keys = [entry.key for entry in store.entries(f"models/fraud/aliases/{alias}/")]
    assert keys == [alias_key("fraud", alias, number) for number in range(1, len(keys) + 1)]
    return [json.loads(store.read(key, 10_000)) for key in keys]


# Setting and removing


def test_an_alias_is_another_name_of_the_version_it_points_at(three: Registry) -> None:
    moved = three.set_alias("fraud:2", "production", why="first release")
    assert (moved.before, moved.after, moved.moved) == (None, 2, True)
    for reference in ("fraud@production", "fraud:production"):
        assert three.resolve(reference).reference == "fraud:2"
        assert three.pull(reference, "out").version.number == 2
    assert three.resolve("fraud:2").aliases == ("production",)
    assert three.resolve("fraud").number == 3


def test_every_move_is_recorded_with_its_number_who_when_where_and_why(
    three: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocked = ClockedStore(store)
    registry = Registry(clocked)
    registry.set_alias("fraud:1", "production", why="first release")
    clocked.set("2026-10-02T12:00:00Z")
    monkeypatch.setenv("MODELREG_ACTOR", "ben")
    registry.set_alias("fraud:3", "production")
    clocked.set("2026-10-03T12:00:00Z")
    registry.remove_alias("fraud", "production", why="withdrawn")
    told = [(move["version"], move["created"], move["created_by"], move["why"]) for move in _moves(store)]
    assert told == [
        (1, "2026-10-01T12:00:00Z", "anna", "first release"),
        (3, "2026-10-02T12:00:00Z", "ben", ""),
        (None, "2026-10-03T12:00:00Z", "ben", "withdrawn"),
    ]


def test_the_aliases_of_a_model_are_told_with_their_last_moves(three: Registry, model: Path, captured: Capture) -> None:
    three.register(model, "churn", capture=captured, aliases=["staging"])
    three.set_alias("fraud:1", "production", why="first release")
    three.set_alias("fraud:2", "production", why="better")
    three.set_alias("fraud:2", "canary")
    three.set_alias("fraud:2", "shadow")
    three.remove_alias("fraud", "shadow")
    told = [(one.alias, one.version, one.by, one.why) for one in three.aliases("fraud")]
    assert told == [("canary", 2, "anna", ""), ("production", 2, "anna", "better")]
    assert [f"{one.model}@{one.alias}" for one in three.aliases()] == [
        "churn@staging",
        "fraud@canary",
        "fraud@production",
    ]
    assert three.resolve("fraud:2").aliases == ("canary", "production")


def test_an_alias_that_points_there_already_is_not_moved(three: Registry, store: Store) -> None:
    three.set_alias("fraud:2", "production")
    moved = three.set_alias("fraud:2", "production", why="again")
    assert (moved.before, moved.after, moved.moved) == (2, 2, False)
    assert len(_moves(store)) == 1


def test_a_removed_alias_is_gone_and_can_be_set_again(three: Registry, store: Store) -> None:
    three.set_alias("fraud:2", "production")
    moved = three.remove_alias("fraud", "production")
    assert (moved.before, moved.after, moved.moved) == (2, None, True)
    assert three.aliases("fraud") == ()
    for call in (
        lambda: three.resolve("fraud@production"),
        lambda: three.remove_alias("fraud", "production"),
    ):
        with pytest.raises(NotFoundError, match="fraud has no alias production; its aliases: none"):
            call()
    assert len(_moves(store)) == 2
    three.set_alias("fraud:2", "production")
    assert three.resolve("fraud@production").number == 2


CALLS: dict[str, Callable[[Registry, str], object]] = {
    "set": lambda registry, alias: registry.set_alias("fraud:1", alias),
    "rm": lambda registry, alias: registry.remove_alias("fraud", alias),
    "rollback": lambda registry, alias: registry.roll_back_alias("fraud", alias),
    "register": lambda registry, alias: registry.register("model.pkl", "fraud", aliases=["fine", alias]),
    "copy": lambda registry, alias: registry.copy("fraud:1", registry, aliases=["fine", alias]),
}
NAMES = ["latest", "sha256", "7", "007", "", "Production", "-x", "x.", "a b", "a/b", "..", "con", "ünder", "x" * 64]


REFUSED = [*(("set", name) for name in NAMES), *((call, "latest") for call in CALLS if call != "set")]


@pytest.mark.parametrize(("call", "name"), REFUSED)
def test_a_name_that_no_alias_can_have_is_refused_before_anything_is_written(
    three: Registry, store: Store, call: str, name: str
) -> None:
    before = list(store.entries(""))
    with pytest.raises(UsageError):
        CALLS[call](three, name)
    assert list(store.entries("")) == before


def test_what_an_alias_cannot_be_moved_to_or_from_is_said(three: Registry, store: Store) -> None:
    three.delete("fraud:1", why="leaked labels")
    before = list(store.entries(""))
    for call, said in (
        (lambda: three.set_alias("fraud:9", "production"), "fraud has no version 9; its highest is 3"),
        (lambda: three.set_alias("churn:1", "production"), "there is no model churn"),
        (lambda: three.set_alias("fraud:1", "production"), "fraud:1 was deleted by anna on .*: leaked labels"),
        (lambda: three.set_alias("fraud@canary", "production"), "fraud has no alias canary"),
        (lambda: three.remove_alias("churn", "production"), "there is no model churn"),
        (lambda: three.roll_back_alias("churn", "production"), "there is no model churn"),
        (lambda: three.roll_back_alias("fraud", "production"), "fraud has no alias production"),
        (lambda: three.aliases("churn"), "there is no model churn"),
    ):
        with pytest.raises(NotFoundError, match=said):
            call()
    assert list(store.entries("")) == before


@pytest.mark.parametrize("force", [False, True])
def test_a_version_that_was_deleted_since_it_was_read_gets_no_alias(three: Registry, store: Store, force: bool) -> None:
    version = three.resolve("fraud:2")
    three.delete("fraud:2", why="leaked labels")
    with pytest.raises(NotFoundError, match="leaked labels"):
        three.set_alias(version, "production", force=force)
    assert _moves(store) == []


# Rolling back: what was moved, and where the alias is then

ROLLBACKS: dict[str, tuple[list[object], int | None]] = {
    "once": ([1, 2, "back"], 1),
    "twice": ([1, 2, 3, "back", "back"], 1),
    "once more than there were moves": ([1, 2, 3, "back", "back", "back"], None),
    "after the first move": ([1, "back"], None),
    "of an alias that never was": (["back"], None),
    "after a removal": ([1, 2, "rm", "back"], 2),
    "after a removal, and again": ([1, 2, "rm", "back", "back"], 1),
    "after the removal of the only one": ([1, "rm", "back", "back"], None),
    "over a removal": ([1, "rm", 2, "back"], 1),
    "to a version that it had pointed at before": ([1, 2, 1, "back"], 2),
    "twice, to a version that it had pointed at before": ([1, 2, 1, "back", "back"], 1),
    "and on from there": ([1, 2, "back", 3, "back"], 1),
    "and to the same version again": ([1, 2, "back", 2, "back"], 1),
    "back and forth": ([1, 2, "back", 2, "back", 3, "back", "back"], None),
}


@pytest.mark.parametrize(("steps", "points_at"), ROLLBACKS.values(), ids=list(ROLLBACKS))
def test_a_rollback_goes_to_the_version_before_what_was_rolled_back_left_out(
    three: Registry, store: Store, steps: list[object], points_at: int | None
) -> None:
    for step in steps[:-1]:
        if isinstance(step, int):
            three.set_alias(f"fraud:{step}", "production")
        elif step == "rm":
            three.remove_alias("fraud", "production")
        else:
            three.roll_back_alias("fraud", "production")
    assert len(_moves(store)) == len(steps) - 1
    if points_at is None:
        with pytest.raises(NotFoundError, match=r"has not pointed at another version before|has no alias production"):
            three.roll_back_alias("fraud", "production")
        assert len(_moves(store)) == len(steps) - 1
        return
    moved = three.roll_back_alias("fraud", "production", why="false alarms")
    assert (moved.after, moved.moved) == (points_at, True)
    assert three.resolve("fraud@production").number == points_at
    last = _moves(store)[-1]
    assert (last["version"], last["rollback"], last["why"]) == (points_at, True, "false alarms")


def test_a_rollback_to_a_deleted_version_says_who_deleted_it_and_moves_nothing(three: Registry, store: Store) -> None:
    three.set_alias("fraud:1", "production")
    three.set_alias("fraud:2", "production")
    three.delete("fraud:1", why="leaked labels")
    said = "fraud:1 was deleted by anna on .*: leaked labels; modelreg restore fraud:1 brings it back"
    with pytest.raises(NotFoundError, match=said):
        three.roll_back_alias("fraud", "production")
    assert len(_moves(store)) == 2
    three.restore("fraud:1")
    assert three.roll_back_alias("fraud", "production").after == 1


# Two people at once


def _rival(store: Store, version: int | None) -> WatchedStore:
    """A store in which ben moves production just before the first move that anybody else makes."""
    left = [1]

    def before(key: str, data: bytes) -> None:
        if "/aliases/" in key and left:
            left.pop()
            put(store, key.removeprefix("models/fraud/"), "alias", alias="production", version=version, why="hotfix")

    return WatchedStore(store, before)


MOVES: dict[str, Callable[[Registry], object]] = {
    "set": lambda registry: registry.set_alias("fraud:3", "production"),
    "rm": lambda registry: registry.remove_alias("fraud", "production"),
    "rollback": lambda registry: registry.roll_back_alias("fraud", "production"),
}


@pytest.mark.parametrize("version", [1, 3, None], ids=["elsewhere", "to the same version", "away"])
@pytest.mark.parametrize("move", MOVES.values(), ids=list(MOVES))
def test_of_two_people_who_move_an_alias_at_once_one_is_told_who_won_and_why(
    three: Registry, store: Store, move: Callable[[Registry], object], version: int | None
) -> None:
    three.set_alias("fraud:1", "production")
    three.set_alias("fraud:2", "production")
    with pytest.raises(ConflictError) as caught:
        move(Registry(_rival(store, version)))
    where = "to nothing" if version is None else f"to fraud:{version}"
    assert f"ben moved fraud@production {where} at the same moment (hotfix)" in str(caught.value)
    assert ("--force" in str(caught.value)) == (move is MOVES["set"])
    assert [made["version"] for made in _moves(store)] == [1, 2, version]
    assert [made["created_by"] for made in _moves(store)] == ["anna", "anna", "ben"]


@pytest.mark.parametrize(("version", "moves"), [(1, [2, 1, 3]), (None, [2, None, 3]), (3, [2, 3])])
def test_force_moves_an_alias_after_somebody_else_did(
    three: Registry, store: Store, version: int | None, moves: list[int | None]
) -> None:
    three.set_alias("fraud:2", "production")
    moved = Registry(_rival(store, version)).set_alias("fraud:3", "production", force=True)
    assert (moved.before, moved.after, moved.moved) == (version, 3, version != 3)
    assert [made["version"] for made in _moves(store)] == moves


def test_an_answer_that_was_lost_is_no_conflict(three: Registry, store: Store) -> None:
    """The store creates the move and fails to say so."""

    class Losing(WatchedStore):
        def create(self, key: str, data: bytes) -> None:
            super().create(key, data)
            super().create(key, data)

    assert Registry(Losing(store)).set_alias("fraud:1", "production").moved
    assert len(_moves(store)) == 1


RACE = """
import sys
from modelreg.cli.main import main
from modelreg.registry import Registry
from modelreg.store import local

class Rivalled(local.LocalStore):
    def create(self, key, data):
        if key.endswith("production/00000001.json") and "rival" not in sys.argv[0]:
            sys.argv[0] = "rival"
            Registry(self).set_alias("fraud:2", "production", why="hotfix")
        super().create(key, data)

local.LocalStore = Rivalled
sys.exit(main(["alias", "set", "fraud:1", "production", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(("options", "code"), [([], 5), (["--force"], 0)], ids=["plainly", "by force"])
def test_the_command_exits_with_5_where_somebody_else_was_faster(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], code: int
) -> None:
    for _ in range(2):
        run("register", str(model), "fraud")
    monkeypatch.setenv("MODELREG_REGISTRY", str(tmp_path / "registry"))
    ran = subprocess.run([sys.executable, "-c", RACE, *options], capture_output=True, text=True, check=False)
    assert ran.returncode == code
    if code:
        assert ran.stdout == ""
        assert ran.stderr.startswith("error: anna moved fraud@production to fraud:2 at the same moment (hotfix); ")
    assert run("alias", "list", "-q").out == "fraud@production\n"
    assert run("show", "fraud@production", "-q").out == ("fraud:2\n" if code else "fraud:1\n")


# Damage


def test_a_damaged_move_is_named_and_told_once(three: Registry, store: Store) -> None:
    three.set_alias("fraud:1", "production")
    key = "models/fraud/aliases/production/00000001.json"
    damaged = store.read(key, 10_000).replace(b'"version":1', b'"version":2')
    store.delete(key)
    store.create(key, damaged)
    for reference in ("fraud@production", "fraud:1"):
        with pytest.raises(IntegrityError, match=rf"{key} .* was edited or is damaged"):
            three.resolve(reference)
    told: list[IntegrityError] = []
    assert three.versions("fraud", told.append) == ()
    assert len(told) == 1


def test_a_move_that_does_not_say_where_to_is_damage_and_no_removal(three: Registry, store: Store) -> None:
    put(store, "aliases/production/00000001.json", "alias", alias="production", why="")
    with pytest.raises(IntegrityError, match="the field version is missing"):
        three.resolve("fraud@production")


@pytest.mark.parametrize("force", [False, True])
def test_the_next_move_follows_the_last_one_even_where_one_is_missing(
    three: Registry, store: Store, force: bool
) -> None:
    put_moves(store, "production", 1, 2, 3)
    store.delete("models/fraud/aliases/production/00000002.json")
    assert three.set_alias("fraud:1", "production", force=force).before == 3
    assert store.read("models/fraud/aliases/production/00000004.json", 10_000)
    assert three.resolve("fraud@production").number == 1
