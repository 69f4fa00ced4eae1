"""modelreg gc: what goes, what stays, and what is said of it."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from clocked_store import ClockedStore
from folders import damage_record
from hand_made import numbers_in, planned, put, put_collection, put_deletion, put_moves
from watched_store import WatchedStore

from modelreg import Capture, IntegrityError, NotFoundError, Registry
from modelreg.registry.gc import Collected
from modelreg.store import Store
from modelreg.version import State

ABANDONED = f"20260901T120000Z-{'0' * 32}"
YOUNG = f"20261001T120000Z-{'b' * 32}"
HOUR = timedelta(hours=1)


class Aged(NamedTuple):
    """A registry on a store whose clock stands on 1 October, noon; uploads: of fraud:1 and fraud:2, and of fraud:3."""

    registry: Registry
    store: ClockedStore
    uploads: list[str]

    def delete_aliased(self, version: int, *moves: int) -> None:
        put_moves(self.store, "production", *moves)
        put_deletion(self.store, version, "deleted")

    def wait(self, time: timedelta) -> None:
        self.store.now += time

    def gc(self, hours: int = 24) -> Collected:
        return self.registry.gc(apply=True, grace=hours * HOUR)

    @property
    def present(self) -> list[str]:
        return self.store.folders("models/fraud/artifacts/")


@pytest.fixture
def aged(store: Store, model: Path, captured: Capture) -> Aged:
    """A registry with fraud:1 and fraud:2, which share their bytes, and fraud:3, registered on 1 September."""
    clocked = ClockedStore(store)
    clocked.set("2026-09-01T12:00:00Z")
    registry = Registry(clocked)
    first, _ = (registry.register(model, "fraud", capture=captured).version for _ in range(2))
    other = model.with_name("other.pkl")
    other.write_bytes(b"other bytes")
    third = registry.register(other, "fraud", capture=captured).version
    clocked.set("2026-10-01T12:00:00Z")
    return Aged(registry, clocked, [first.artifact.upload, third.artifact.upload])


def abandon(store: Store, upload: str, tmp_path: Path) -> None:
    """Leave an upload of 11 bytes that came to nothing."""
    path = tmp_path / "abandoned"
    path.write_bytes(b"eleven here")
    store.upload(f"models/fraud/artifacts/{upload}/model.pkl", path)


def keys(store: Store) -> set[str]:
    return {entry.key for entry in store.entries("")}


# What goes, and what stays


def test_a_dry_run_says_what_it_would_free_and_changes_nothing(aged: Aged, tmp_path: Path) -> None:
    abandon(aged.store, ABANDONED, tmp_path)
    aged.registry.delete("fraud:3", why="leaked labels")
    aged.wait(25 * HOUR)
    before = list(aged.store.entries(""))
    collected = aged.registry.gc()
    assert list(aged.store.entries("")) == before
    assert not collected.applied
    assert [(item.model, item.upload, item.size, item.versions) for item in collected.garbage] == [
        ("fraud", ABANDONED, 11, ()),
        ("fraud", aged.uploads[1], 11, ("fraud:3",)),
    ]
    assert collected.size == 22


def test_a_collection_frees_just_that_and_a_second_one_nothing(
    aged: Aged, tmp_path: Path, model: Path, captured: Capture
) -> None:
    abandon(aged.store, ABANDONED, tmp_path)
    aged.registry.register(model, "churn", capture=captured)
    aged.registry.delete("fraud:3")
    aged.wait(25 * HOUR)
    before, would = keys(aged.store), aged.registry.gc()
    collected = aged.gc()
    assert collected == Collected(would.garbage, would.leftovers, applied=True)
    assert before - keys(aged.store) == {
        f"models/fraud/artifacts/{ABANDONED}/model.pkl",
        f"models/fraud/artifacts/{aged.uploads[1]}/other.pkl",
    }
    assert keys(aged.store) - before == {
        "models/fraud/collections/00000001/candidates.json",
        "models/fraud/collections/00000001/plan.json",
    }
    assert planned(aged.store, 1) == sorted([ABANDONED, aged.uploads[1]])
    after = keys(aged.store)
    assert aged.gc() == Collected((), 0, applied=True)
    assert keys(aged.store) == after
    for reference in ("fraud:1", "fraud:2", "churn:1"):
        assert aged.registry.pull(reference, reference.replace(":", "-")).changed


GRACES = {
    "deleted less than a day ago": (23, 24, True),
    "deleted a day ago": (24, 24, False),
    "deleted an hour ago, with an hour's grace": (1, 1, False),
    "deleted just now, with no grace": (0, 0, False),
    "deleted six days ago, with a week's grace": (6 * 24, 7 * 24, True),
}


@pytest.mark.parametrize(("ago", "grace", "stays"), GRACES.values(), ids=list(GRACES))
def test_what_was_deleted_within_the_grace_stays(aged: Aged, ago: int, grace: int, stays: bool) -> None:
    aged.registry.delete("fraud:3")
    aged.wait(ago * HOUR)
    assert len(aged.gc(grace).garbage) == (not stays)
    assert (aged.uploads[1] in aged.present) == stays


@pytest.mark.parametrize(("age", "stays"), [(23, True), (24, False)])
def test_an_upload_that_began_within_the_grace_stays(aged: Aged, tmp_path: Path, age: int, stays: bool) -> None:
    abandon(aged.store, YOUNG, tmp_path)
    aged.wait(age * HOUR)
    assert len(aged.gc().garbage) == (not stays)
    assert (YOUNG in aged.present) == stays


def test_a_young_version_that_was_deleted_stays_as_long_as_an_old_one(aged: Aged, captured: Capture) -> None:
    Path("young.pkl").write_bytes(b"young")
    version = aged.registry.register("young.pkl", "fraud", capture=captured).version
    aged.wait(23 * HOUR)
    aged.registry.delete(version)
    aged.wait(23 * HOUR)
    assert aged.gc().garbage == ()
    aged.wait(HOUR)
    assert [item.versions for item in aged.gc().garbage] == [("fraud:4",)]


SHARED: dict[str, tuple[Callable[[Aged], object], bool]] = {
    "lives": (lambda _: None, True),
    "was deleted long ago, too": (lambda aged: put_deletion(aged.store, 2, "deleted"), False),
    "was deleted lately": (lambda aged: aged.registry.delete("fraud:2"), True),
    "was restored": (lambda aged: put_deletion(aged.store, 2, "deleted", "restoring", "restored"), True),
    "is being restored": (lambda aged: put_deletion(aged.store, 2, "deleted", "restoring"), True),
    "was deleted while it was being restored": (
        lambda aged: put_deletion(aged.store, 2, "deleted", "restoring", "deleted"),
        False,
    ),
    "was deleted, but an alias points at it": (lambda aged: aged.delete_aliased(2, 1, 2), True),
    "was deleted, and an alias pointed at it": (lambda aged: aged.delete_aliased(2, 2, 3), False),
}


@pytest.mark.parametrize(("prepare", "stays"), SHARED.values(), ids=list(SHARED))
def test_shared_files_stay_while_another_version(aged: Aged, prepare: Callable[[Aged], object], stays: bool) -> None:
    put_deletion(aged.store, 1, "deleted")  # in January
    prepare(aged)
    collected = aged.gc()
    assert (aged.uploads[0] in aged.present) == stays
    assert [item.versions for item in collected.garbage] == ([] if stays else [("fraud:1", "fraud:2")])


def test_a_folder_that_is_no_upload_stays(aged: Aged) -> None:
    aged.store.create("models/fraud/artifacts/notes/README", b"not ours")
    aged.store.create("models/Not A Model/artifacts/x/y", b"not ours")
    before = keys(aged.store)
    assert aged.gc(0).garbage == ()
    assert keys(aged.store) == before


def test_a_folder_that_is_no_registry_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "not-ours"
    (folder / ".tmp").mkdir(parents=True)
    (folder / ".tmp" / "precious").write_bytes(b"not ours")
    for path in (folder, tmp_path / "absent"):
        assert Registry.open(str(path)).gc(apply=True, grace=timedelta(0)) == Collected((), 0, applied=True)
    assert [path.name for path in folder.rglob("*")] == [".tmp", "precious"]
    assert not (tmp_path / "absent").exists()


# Deleted, restored, collected


def test_a_deleted_version_can_be_restored_until_it_is_collected(aged: Aged) -> None:
    aged.registry.delete("fraud:3")
    aged.wait(23 * HOUR)
    aged.gc()
    assert aged.registry.restore("fraud:3").state is State.LIVE
    assert aged.registry.pull("fraud:3", "out").changed
    aged.registry.delete("fraud:3", why="after all")
    aged.wait(24 * HOUR)
    aged.gc()
    with pytest.raises(NotFoundError, match="fraud:3 cannot be restored: its files were collected, and are gone") as no:
        aged.registry.restore("fraud:3")
    assert no.value.exit_code == 4
    with pytest.raises(NotFoundError, match="fraud:3 was deleted by anna on 2026-10-02: after all; its files are gone"):
        aged.registry.pull("fraud:3", "gone")
    assert [happening.kind for happening in aged.registry.history("fraud")][-1] == "collected"


def test_numbers_never_come_back_even_if_all_is_collected(aged: Aged, model: Path, captured: Capture) -> None:
    for number in (3, 2, 1):
        aged.registry.delete(f"fraud:{number}")
    aged.gc(0)
    assert aged.present == []
    assert numbers_in(aged.store) == [1, 2, 3]
    registered = aged.registry.register(model, "fraud", capture=captured)
    assert (registered.version.number, registered.uploaded) == (4, True)
    assert aged.registry.pull("fraud", "out").changed


# Interrupted, and interfered with


def test_a_collection_that_died_while_it_deleted_is_finished_by_the_next(aged: Aged, tmp_path: Path) -> None:
    for name in ("one", "two"):
        aged.store.create(f"models/fraud/artifacts/{ABANDONED}/{name}", b"half of it")
    put_collection(aged.store, 1, [ABANDONED, aged.uploads[1]], [ABANDONED])
    aged.store.delete(f"models/fraud/artifacts/{ABANDONED}/one")
    assert [(item.upload, item.size) for item in aged.registry.gc(grace=10_000 * HOUR).garbage] == [(ABANDONED, 10)]
    assert [(item.upload, item.size) for item in aged.gc(10_000).garbage] == [(ABANDONED, 10)]
    assert aged.present == sorted(aged.uploads)
    assert aged.store.folders("models/fraud/collections/") == ["00000001"]


def test_a_collection_that_died_before_its_plan_is_begun_anew(aged: Aged, tmp_path: Path) -> None:
    abandon(aged.store, ABANDONED, tmp_path)
    put_collection(aged.store, 1, [ABANDONED])
    aged.gc()
    assert aged.present == sorted(aged.uploads)
    assert planned(aged.store, 2) == [ABANDONED]


def before_the_plan(aged: Aged, act: Callable[[Registry], object]) -> Collected:
    """Let something happen between the second look of a collection without grace and its plan."""

    def before(key: str, data: bytes) -> None:
        if key.endswith("/00000001/plan.json") and not happened:
            happened.append(key)
            act(aged.registry)

    happened: list[str] = []
    return Registry(WatchedStore(aged.store, before)).gc(apply=True, grace=timedelta(0))


def test_what_is_restored_just_before_the_plan_stays(aged: Aged) -> None:
    aged.registry.delete("fraud:3")
    collected = before_the_plan(aged, lambda registry: registry.restore("fraud:3"))
    assert collected.garbage == ()
    assert planned(aged.store, 1) == []
    assert aged.registry.pull("fraud:3", "out").changed


def test_what_others_have_voided_is_collected_by_the_next(aged: Aged) -> None:
    aged.registry.delete("fraud:3")
    before_the_plan(aged, lambda registry: (registry.restore("fraud:3"), registry.delete("fraud:3")))
    assert aged.present == sorted(aged.uploads)
    assert [item.versions for item in aged.gc(0).garbage] == [("fraud:3",)]
    assert aged.present == [aged.uploads[0]]


def test_two_collections_at_once_both_say_what_is_gone(aged: Aged) -> None:
    aged.registry.delete("fraud:3")
    collected = before_the_plan(aged, lambda registry: registry.gc(apply=True, grace=timedelta(0)))
    assert [item.versions for item in collected.garbage] == [("fraud:3",)]
    assert (planned(aged.store, 1), planned(aged.store, 2)) == ([aged.uploads[1]], [aged.uploads[1]])


def test_an_alias_that_comes_after_the_collection_of_what_is_being_deleted_does_not_bring_it_back(aged: Aged) -> None:
    """It is its mover who finds the version deleted, and moves it back."""

    def before(key: str, data: bytes) -> None:
        if key.endswith("/deletions/00000003/00000001.json"):
            put_moves(aged.store, "production", 3)
        if key.endswith("/deletions/00000003/00000002.json"):
            put_collection(aged.store, 1, [aged.uploads[1]], [aged.uploads[1]])

    assert Registry(WatchedStore(aged.store, before)).delete("fraud:3").state is State.COLLECTED


# What it costs


class CountingStore(WatchedStore):
    """Counts what is read."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.reads: Counter[str] = Counter()

    def read(self, key: str, limit: int) -> bytes:
        self.reads[key] += 1
        return super().read(key, limit)


def test_no_record_is_read_twice_though_a_collection_looks_twice(aged: Aged) -> None:
    put_deletion(aged.store, 1, "deleted", "restoring", "restored")
    put_moves(aged.store, "production", 2)
    for number in range(1, 6):
        put_collection(aged.store, number, [ABANDONED], [ABANDONED])
    aged.registry.delete("fraud:3")
    counting = CountingStore(aged.store)
    assert len(Registry(counting).gc(apply=True, grace=timedelta(0)).garbage) == 1
    twice = {key for key, reads in counting.reads.items() if reads > 1}
    assert twice == {
        "models/fraud/aliases/production/00000001.json",  # it may have moved
        "models/fraud/collections/00000006/plan.json",  # it is not there yet the first time
    }


def test_to_register_costs_one_read_for_each_earlier_collection(aged: Aged, captured: Capture) -> None:
    for number in range(1, 6):
        put_collection(aged.store, number, [ABANDONED], [ABANDONED])
    Path("new.pkl").write_bytes(b"new")
    counting = CountingStore(aged.store)
    Registry(counting).register("new.pkl", "fraud", capture=captured)
    reads = [key for key in counting.reads.elements() if "/collections/" in key]
    assert reads == [f"models/fraud/collections/{number:08d}/plan.json" for number in range(1, 6)]


# Damage

DAMAGED = {
    "a version": "models/fraud/versions/00000002.json",
    "a deletion": "models/fraud/deletions/00000002/00000001.json",
    "the last move of an alias": "models/fraud/aliases/production/00000002.json",
    "a plan": "models/fraud/collections/00000001/plan.json",
}


@pytest.mark.parametrize("prefix", DAMAGED.values(), ids=list(DAMAGED))
def test_a_damaged_record_ends_the_collection_of_its_model_alone(
    aged: Aged, prefix: str, model: Path, captured: Capture, tmp_path: Path
) -> None:
    abandon(aged.store, ABANDONED, tmp_path)
    put_deletion(aged.store, 2, "deleted")
    put_moves(aged.store, "production", 1, 3)
    put_collection(aged.store, 1, [ABANDONED], [])
    for name in ("churn", "zebra"):
        aged.registry.register(model, name, capture=captured)
        aged.registry.delete(f"{name}:1")
    damage_record(aged.store.inner, prefix, lambda data: data[:-1])
    before, damage = keys(aged.store), list[IntegrityError]()
    collected = aged.registry.gc(apply=True, grace=timedelta(0), on_damage=damage.append)
    assert [item.model for item in collected.garbage] == ["churn", "zebra"]
    assert {key for key in before if key.startswith("models/fraud/")} <= keys(aged.store)
    assert len(damage) == 1
    assert str(damage[0]).startswith(f"nothing of fraud was collected, because the record {prefix} in ")
    for apply in (False, True):
        with pytest.raises(IntegrityError, match="nothing of fraud was collected, because") as refused:
            aged.registry.gc(apply=apply)
        assert refused.value.exit_code == 6


def test_a_damaged_annotation_is_no_hindrance(aged: Aged) -> None:
    put(aged.store, "annotations/00000003/00000001.json", "annotation", version=2, tags={})
    aged.registry.delete("fraud:1")
    put_deletion(aged.store, 3, "deleted")
    assert [item.versions for item in aged.gc().garbage] == [("fraud:3",)]
