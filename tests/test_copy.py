"""modelreg copy: the same version in another registry."""

import json
from pathlib import Path

import pytest
from conftest import Run
from folders import FILES, damage
from memory_store import MemoryStore
from watched_store import WatchedStore

from modelreg import Capture, IntegrityError, NotFoundError, Registry, StoreError, UsageError, Version
from modelreg.records import CopiedFrom
from modelreg.store import Store
from modelreg.store.local import LocalStore


@pytest.fixture
def source(store: Store, saved_model: Path, model: Path, captured: Capture) -> Registry:
    """A registry with another version first, then fraud:2, a folder with all that can be said of it, annotated."""
    registry = Registry(store)
    registry.register(model, "fraud", capture=captured)
    registry.register(
        saved_model,
        "fraud",
        capture=captured,
        tags={"team": "risk", "draft": "yes"},
        params={"lr": "0.1"},
        metrics={"auc": "0.93"},
        description="October data",
    )
    registry.annotate("fraud:2", metrics={"auc_live": "0.71"}, remove_tags=["draft"])
    return registry


@pytest.fixture
def other_store(tmp_path: Path) -> WatchedStore:
    """An empty folder."""
    return WatchedStore(LocalStore(tmp_path / "released"))


@pytest.fixture
def target(other_store: WatchedStore) -> Registry:
    """An empty registry in a folder."""
    return Registry(other_store)


def _facts(version: Version) -> tuple[object, ...]:
    """All that a copy has in common with its original."""
    record = version.record
    return (
        version.tags,
        version.metrics,
        version.description,
        (record.tags, record.params, record.metrics, record.description),
        (record.environment, record.capture, record.source),
        (version.artifact.digest, version.artifact.size, version.artifact.files),
        (version.artifact.layout, version.artifact.format),
    )


def test_a_copy_has_the_same_bytes_digests_provenance_and_facts(source: Registry, target: Registry) -> None:
    original = source.resolve("fraud:2")
    copied = source.copy("fraud:2", target)
    version = copied.version
    assert (version.reference, copied.created, copied.uploaded) == ("fraud:1", True, True)
    assert _facts(version) == _facts(original)
    assert version == target.resolve("fraud")
    assert version.record.copied_from == CopiedFrom(source.url, "fraud", 2, original.digest)
    assert version.digest != original.digest
    for name, data in FILES.items():
        assert Path(target.pull("fraud", "out").folder, name).read_bytes() == data
    one, two = source.show("fraud:2"), target.show("fraud:1")
    assert (one.tree, one.environment_record) == (two.tree, two.environment_record)
    assert two.to_mapping()["copied_from"] == {
        "registry": source.url,
        "model": "fraud",
        "version": 2,
        "record": original.digest,
    }


def test_the_folder_of_a_user_is_not_told_by_name(model: Path, captured: Capture, target: Registry) -> None:
    registry = Registry.open(str(Path.home() / "models"))
    registry.register(model, "fraud", capture=captured)
    origin = registry.copy("fraud", target).version.record.copied_from
    assert origin is not None
    assert Path(origin.registry) == Path("~", "models")


def test_repeating_it_changes_nothing(source: Registry, target: Registry, other_store: WatchedStore) -> None:
    first = source.copy("fraud:2", target)
    other_store.writes.clear()
    for reference in ("fraud:2", "fraud", source.resolve("fraud:2")):
        again = source.copy(reference, target)
        assert (again.version, again.created, again.uploaded) == (first.version, False, False)
    assert other_store.writes == []


def test_repeating_it_makes_another_copy_where_the_files_of_the_first_were_damaged(
    source: Registry, target: Registry, other_store: WatchedStore
) -> None:
    source.copy("fraud:2", target)
    damage(other_store, "saved_model.pb", lambda data: data[::-1])
    copied = source.copy("fraud:2", target)
    assert (copied.version.reference, copied.created, copied.uploaded) == ("fraud:2", True, True)
    assert copied.damaged == {"fraud:1": "saved_model.pb has other bytes"}
    assert target.pull(copied.version, "out").changed
    assert not source.copy("fraud:2", target).created


def test_what_was_annotated_since_comes_along_the_next_time_and_nothing_else(
    source: Registry, target: Registry, other_store: WatchedStore
) -> None:
    source.copy("fraud:2", target)
    target.annotate("fraud:1", tags={"team": "released", "approved": "ben"}, description="checked")
    source.annotate("fraud:2", metrics={"f1": "0.8"}, tags={"stage": "live"})
    other_store.writes.clear()
    copied = source.copy("fraud:2", target)
    assert not copied.created
    assert other_store.writes == [("create", "models/fraud/annotations/00000001/00000003.json")]
    assert copied.version.tags == {"team": "released", "approved": "ben", "stage": "live"}
    assert copied.version.metrics == {"auc": "0.93", "auc_live": "0.71", "f1": "0.8"}
    assert copied.version.description == "checked"
    source.annotate("fraud:2", tags={"team": "fraud"})
    assert source.copy("fraud:2", target).version.tags["team"] == "fraud"
    other_store.writes.clear()
    source.copy("fraud:2", target)
    assert other_store.writes == []


def test_an_annotation_says_who_brought_it_and_when(
    source: Registry, target: Registry, other_store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELREG_ACTOR", "ben")
    version = source.copy("fraud:2", target).version
    assert version.created_by == "ben"
    assert [fact.stamp.created_by for fact in version.annotations] == ["ben"]
    kinds = [(one.kind, one.created_by) for one in target.history("fraud")]
    assert kinds == [("registered", "ben"), ("annotated", "ben")]


def test_aliases_come_along_when_they_are_named(source: Registry, target: Registry) -> None:
    source.set_alias("fraud:2", "production")
    source.set_alias("fraud:2", "staging")
    assert source.copy("fraud@production", target).version.aliases == ()
    copied = source.copy("fraud@production", target, aliases=["production"])
    assert copied.version.aliases == ("production",)
    assert target.resolve("fraud@production").number == 1
    assert [one.why for one in target.aliases()] == ["copied"]
    source.copy("fraud:1", target, aliases=["production"])
    assert target.resolve("fraud@production").number == 2
    with pytest.raises(UsageError, match="reserved"):
        source.copy("fraud:2", target, aliases=["latest"])


def test_bytes_that_are_there_already_are_not_moved_again(
    source: Registry, target: Registry, saved_model: Path, captured: Capture
) -> None:
    there = target.register(saved_model, "fraud", capture=captured).version
    copied = source.copy("fraud:2", target)
    assert (copied.version.number, copied.created, copied.uploaded) == (2, True, False)
    assert copied.version.artifact == there.artifact


def test_the_number_there_is_the_next_one_there(
    source: Registry, target: Registry, model: Path, captured: Capture
) -> None:
    for _ in range(3):
        target.register(model, "fraud", capture=captured)
    assert source.copy("fraud:2", target).version.number == 4
    assert source.copy("fraud:1", target).version.number == 5


def test_that_no_copy_is_there_is_known_without_reading_any_version(
    source: Registry, target: Registry, other_store: WatchedStore
) -> None:
    class Reading(WatchedStore):
        def read(self, key: str, limit: int) -> bytes:
            assert not key.endswith("/versions/00000001.json")
            return super().read(key, limit)

    source.copy("fraud:1", target)
    assert source.copy("fraud:2", Registry(Reading(other_store))).version.number == 2


def test_in_its_own_registry_a_version_is_its_own_copy(source: Registry, store: Store) -> None:
    before = list(store.entries(""))
    copied = source.copy("fraud:2", source)
    assert (copied.version.number, copied.created) == (2, False)
    assert list(store.entries("")) == before


def test_a_copy_and_its_original_are_known_for_the_same(source: Registry, target: Registry) -> None:
    third = Registry(MemoryStore())
    source.copy("fraud:2", target)
    source.copy("fraud:2", third)
    for here, reference, there in ((target, "fraud:1", source), (target, "fraud:1", third), (third, "fraud", target)):
        assert not here.copy(reference, there).created
    assert [len(registry.versions("fraud")) for registry in (source, target, third)] == [2, 1, 1]
    third.annotate("fraud:1", tags={"approved": "ben"})
    assert third.copy("fraud:1", source).version.number == 2
    assert source.resolve("fraud:2").tags["approved"] == "ben"


def test_a_copy_that_was_deleted_is_made_anew(source: Registry, target: Registry) -> None:
    source.copy("fraud:2", target)
    target.delete("fraud:1")
    copied = source.copy("fraud:2", target)
    assert (copied.version.number, copied.created) == (2, True)
    assert _facts(copied.version) == _facts(source.resolve("fraud:2"))


def test_a_damaged_record_there_does_not_stand_in_the_way(
    source: Registry, target: Registry, other_store: WatchedStore
) -> None:
    source.copy("fraud:1", target)
    other_store.delete("models/fraud/versions/00000001.json")
    other_store.create("models/fraud/versions/00000001.json", b"{}")
    assert source.copy("fraud:2", target).version.number == 2


def _artifact(version: Version) -> str:
    return f"models/fraud/artifacts/{version.artifact.upload}/"


@pytest.mark.parametrize("damage", ["another byte", "a byte more", "a byte less", "missing"])
def test_of_a_damaged_version_nothing_is_written_there(
    source: Registry, store: Store, target: Registry, tmp_path: Path, damage: str
) -> None:
    version = source.resolve("fraud:2")
    key = next(entry.key for entry in store.entries(_artifact(version)) if entry.size > 1)
    data = store.read(key, 10_000_000)
    store.delete(key)
    if damage != "missing":
        edited = {"another byte": bytes([data[0] ^ 1]) + data[1:], "a byte more": data + b"x", "a byte less": data[:-1]}
        store.create(key, edited[damage])
    with pytest.raises(IntegrityError, match=r"fraud:2 is damaged in the registry: .*; nothing was written"):
        source.copy("fraud:2", target)
    assert not (tmp_path / "released").exists()


@pytest.mark.parametrize("kind", ["trees", "environments"])
def test_without_its_files_list_or_environment_a_version_is_not_copied(
    source: Registry, store: Store, target: Registry, tmp_path: Path, kind: str
) -> None:
    for entry in list(store.entries(f"models/fraud/{kind}/")):
        store.delete(entry.key)
    with pytest.raises(IntegrityError, match="is missing"):
        source.copy("fraud:2", target)
    assert not (tmp_path / "released").exists()


def test_a_version_that_is_not_there_is_not_copied(source: Registry, target: Registry, tmp_path: Path) -> None:
    source.delete("fraud:1", why="leaked labels")
    for reference, said in (("fraud:1", "leaked labels"), ("fraud:3", "has no version 3"), ("churn", "no model churn")):
        with pytest.raises(NotFoundError, match=said):
            source.copy(reference, target)
    assert not (tmp_path / "released").exists()


def test_where_it_cannot_be_written_whole_none_of_it_is_left(source: Registry) -> None:
    def before(key: str, data: bytes) -> None:
        if "/trees/" in key:
            raise StoreError("the disk is full")

    there = MemoryStore()
    with pytest.raises(StoreError, match="the disk is full"):
        source.copy("fraud:2", Registry(WatchedStore(there, before)))
    assert list(there.content) == ["modelreg.json"]


# The command


def test_the_command_prints_the_new_reference_and_says_where_it_is(
    run: Run, beside: Registry, model: Path, captured: Capture, tmp_path: Path
) -> None:
    for _ in range(2):
        beside.register(model, "fraud", capture=captured, aliases=["production"])
    there = str(tmp_path / "released")
    ran = run("copy", "fraud@production", there, "--alias", "production")
    assert (ran.code, ran.out, ran.err) == (0, "fraud:1\n", f"Copied fraud:2 to {there} as fraud:1.\n")
    ran = run("copy", "fraud:2", there)
    assert (ran.code, ran.out, ran.err) == (0, "fraud:1\n", f"{there} has fraud:2 already, as fraud:1.\n")
    ran = run("copy", "fraud:1", there, "-q")
    assert (ran.code, ran.out, ran.err) == (0, "fraud:2\n", "")
    assert run("pull", "fraud@production", "--registry", there).out == f"{Path('fraud', '1')}\n"


def test_json_tells_where_it_came_from_and_whether_it_is_new(
    run: Run, beside: Registry, model: Path, captured: Capture, tmp_path: Path
) -> None:
    digest = beside.register(model, "fraud", capture=captured).version.digest
    answers = [json.loads(run("copy", "fraud:1", str(tmp_path / "released"), "--json").out) for _ in range(2)]
    assert [(answer["reference"], answer["new"], answer["uploaded"]) for answer in answers] == [
        ("fraud:1", True, True),
        ("fraud:1", False, False),
    ]
    assert answers[0]["copied_from"] == {"registry": beside.url, "model": "fraud", "version": 1, "record": digest}


REFUSED = {
    "no such version": (["fraud:2"], 4, "fraud has no version 2; its highest is 1"),
    "no registry": (["fraud:1"], 2, "Missing argument 'REGISTRY'"),
    "a store that nobody knows": (["fraud:1", "ftp://example.org/models"], 2, "ftp"),
    "an alias that cannot be": (["fraud:1", "{there}", "--alias", "latest"], 2, "reserved"),
    "damage": (["fraud:1", "{there}"], 6, "model.pkl has other bytes than those that were registered"),
}


@pytest.mark.parametrize(("arguments", "code", "said"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_not_copied_ends_with_its_own_code(
    run: Run,
    beside: Registry,
    model: Path,
    captured: Capture,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    version = beside.register(model, "fraud", capture=captured).version
    there = tmp_path / "released"
    if code == 6:
        stored = tmp_path / "registry" / _artifact(version) / "model.pkl"
        stored.write_bytes(b"x" * stored.stat().st_size)
    typed = [argument.format(there=there) for argument in arguments]
    if len(typed) == 1 and code == 4:
        typed.append(str(there))
    ran = run("copy", *typed)
    assert (ran.code, ran.out) == (code, "")
    assert said in " ".join(ran.err.split())
    assert not there.exists()
