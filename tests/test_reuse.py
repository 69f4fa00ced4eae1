"""What is not uploaded again, and what `if_changed` does not register again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from hand_made import live, numbers_in, put_deletion
from memory_store import MemoryStore
from watched_store import WatchedStore

from modelreg import Capture, Registry
from modelreg.store import Store


@pytest.fixture
def other_model(model: Path) -> Path:
    """As long as the model, so that a listing alone cannot tell them apart."""
    path = model.with_name("other.pkl")
    path.write_bytes(model.read_bytes()[::-1])
    return path


def test_the_same_bytes_make_a_new_version_and_are_not_uploaded_again(
    store: Store, model: Path, captured: Capture, other_environment: Capture
) -> None:
    watched = WatchedStore(store)
    registry = Registry(watched)
    first = registry.register(model, "fraud", capture=captured)
    second = registry.register(model, "fraud", capture=other_environment)
    assert (first.uploaded, second.uploaded) == (True, False)
    assert first.version.artifact == second.version.artifact
    assert len(watched.uploads) == 1
    assert live(store) == [1, 2]


def test_other_bytes_of_the_same_length_are_uploaded(
    store: Store, model: Path, other_model: Path, captured: Capture
) -> None:
    registry = Registry(store)
    first = registry.register(model, "fraud", capture=captured).version
    second = registry.register(other_model, "fraud", capture=captured)
    assert second.uploaded
    assert second.version.artifact.size == first.artifact.size
    assert live(store) == [1, 2]


def test_that_bytes_are_new_is_known_without_reading_any_version(
    store: Store, model: Path, other_model: Path, captured: Capture
) -> None:
    class Reading(WatchedStore):
        def read(self, key: str, limit: int) -> bytes:
            assert "/versions/" not in key
            return super().read(key, limit)

    Registry(store).register(model, "fraud", capture=captured)
    assert Registry(Reading(store)).register(other_model, "fraud", capture=captured).uploaded


def test_bytes_whose_list_of_files_was_lost_are_uploaded_again(store: Store, model: Path, captured: Capture) -> None:
    registry = Registry(store)
    registry.register(model, "fraud", capture=captured)
    for entry in list(store.entries("models/fraud/trees/")):
        store.delete(entry.key)
    store.create(f"models/fraud/trees/{model.stat().st_size}-{'0' * 64}.json", b"{}")
    assert registry.register(model, "fraud", capture=captured).uploaded
    assert registry.pull("fraud:2", "out").changed


def test_the_same_bytes_under_another_name_are_another_artifact(store: Store, model: Path, captured: Capture) -> None:
    registry = Registry(store)
    registry.register(model, "fraud", capture=captured)
    renamed = model.rename(model.with_name("renamed.pkl"))
    assert registry.register(renamed, "fraud", capture=captured).uploaded
    assert live(store) == [1, 2]


def test_another_model_shares_nothing(store: Store, model: Path, captured: Capture) -> None:
    registry = Registry(store)
    registry.register(model, "fraud", capture=captured)
    registered = registry.register(model, "churn", capture=captured)
    assert (registered.version.number, registered.uploaded) == (1, True)


def test_the_files_of_a_deleted_version_are_not_reused(store: Store, model: Path, captured: Capture) -> None:
    """They may be collected any time; a version that is live again would have to be settled."""
    registry = Registry(store)
    registry.register(model, "fraud", capture=captured)
    put_deletion(store, 1, "deleted")
    assert registry.register(model, "fraud", capture=captured).uploaded
    assert live(store) == [2]


def _remove(store: Store, key: str) -> None:
    store.delete(key)


def _truncate(store: Store, key: str) -> None:
    data = store.read(key, 100_000)
    store.delete(key)
    store.create(key, data[:-1])


def _rot(store: Store, key: str) -> None:
    data = store.read(key, 100_000)
    store.delete(key)
    store.create(key, bytes([data[0] ^ 1]) + data[1:])


DAMAGES = {
    "missing": (_remove, "is missing"),
    "truncated": (_truncate, "has another size"),
    "rotten": (_rot, "has other bytes"),
}


@pytest.mark.parametrize("if_changed", [False, True], ids=["always", "if changed"])
@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("name", ["a.bin", "sub/b.bin"])
def test_files_of_which_one_is_damaged_are_uploaded_afresh_and_that_is_told(
    store: Store,
    tmp_path: Path,
    captured: Capture,
    name: str,
    damage: Callable[[Store, str], None],
    says: str,
    if_changed: bool,
) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for path in ("a.bin", "sub/b.bin"):
        (folder / path).write_bytes(path.encode() * 100)
    registry = Registry(store)
    first = registry.register(folder, "fraud", capture=captured).version
    damage(store, f"models/fraud/artifacts/{first.artifact.upload}/{name}")
    second = registry.register(folder, "fraud", capture=captured, if_changed=if_changed)
    assert (second.version.number, second.uploaded) == (2, True)
    assert second.damaged == {"fraud:1": f"{name} {says}"}
    registry.pull("fraud:2", "out")
    assert Path("out", name).read_bytes() == (folder / name).read_bytes()
    third = registry.register(folder, "fraud", capture=captured)
    assert (third.uploaded, third.damaged) == (False, {})


def test_sound_files_of_an_older_version_are_used_where_those_of_a_newer_one_are_damaged(
    store: Store, model: Path, captured: Capture
) -> None:
    registry = Registry(store)
    uploads = []
    for _ in range(2):
        uploads.append(registry.register(model, "fraud", capture=captured).version.artifact.upload)
        _rot(store, f"models/fraud/artifacts/{uploads[-1]}/model.pkl")
    whole, broken = uploads
    _rot(store, f"models/fraud/artifacts/{whole}/model.pkl")  # the flipped bit is flipped back
    third = registry.register(model, "fraud", capture=captured)
    assert (third.uploaded, third.version.artifact.upload) == (False, whole)
    assert third.damaged == {"fraud:2": "model.pkl has other bytes"}
    assert broken != whole


def test_a_copy_stands_on_no_damaged_files_of_its_target(store: Store, model: Path, captured: Capture) -> None:
    source, target = Registry(MemoryStore()), Registry(store)
    version = source.register(model, "fraud", capture=captured).version
    there = target.register(model, "fraud", capture=captured).version
    _truncate(store, f"models/fraud/artifacts/{there.artifact.upload}/model.pkl")
    copied = source.copy(version, target)
    assert (copied.uploaded, copied.damaged) == (True, {"fraud:1": "model.pkl has another size"})
    assert target.pull(copied.version, "out").changed


def test_the_command_warns_of_damaged_files_and_json_has_them(run: Run, model: Path, tmp_path: Path) -> None:
    assert run("register", model, "fraud").out == "fraud:1\n"
    (stored,) = (tmp_path / "registry" / "models" / "fraud" / "artifacts").rglob("model.pkl")
    stored.chmod(0o600)
    stored.write_bytes(model.read_bytes()[::-1])
    ran = run("register", model, "fraud")
    assert (ran.code, ran.out) == (0, "fraud:2\n")
    assert "warning: the files of fraud:1 in the registry are damaged: model.pkl has other bytes" in ran.err
    stored.write_bytes(model.read_bytes()[::-1])
    (other,) = set(stored.parents[1].rglob("model.pkl")) - {stored}
    other.unlink()
    ran = run("register", model, "fraud", "--json")
    assert json.loads(ran.out)["damaged"] == {
        "fraud:1": "model.pkl has other bytes",
        "fraud:2": "model.pkl is missing",
    }


CHANGES = {
    "nothing": (False, False, 1, False),
    "the environment": (False, True, 2, False),
    "the bytes": (True, False, 2, True),
    "both": (True, True, 2, True),
}


@pytest.mark.parametrize(("bytes_too", "environment_too", "number", "uploaded"), CHANGES.values(), ids=list(CHANGES))
def test_if_changed_makes_a_version_only_where_bytes_or_environment_changed(
    store: Store,
    model: Path,
    other_model: Path,
    captured: Capture,
    other_environment: Capture,
    bytes_too: bool,
    environment_too: bool,
    number: int,
    uploaded: bool,
) -> None:
    registry = Registry(store)
    registry.register(model, "fraud", capture=captured, if_changed=True)
    path = other_model.replace(model) if bytes_too else model
    again = other_environment if environment_too else captured
    registered = registry.register(path, "fraud", capture=again, if_changed=True)
    assert (registered.version.number, registered.created, registered.uploaded) == (number, number == 2, uploaded)
    assert numbers_in(store) == list(range(1, number + 1))
    assert registered.version == registry.resolve(f"fraud:{number}")


def test_if_changed_finds_the_newest_equal_version_even_below_others(
    store: Store, model: Path, other_model: Path, captured: Capture, other_environment: Capture
) -> None:
    registry = Registry(store)
    for path, capture in (
        (model, captured),
        (model, captured),
        (model, other_environment),
        (other_model.replace(model.with_name("third.pkl")), captured),
    ):
        registry.register(path, "fraud", capture=capture)
    assert registry.register(model, "fraud", capture=captured, if_changed=True).version.number == 2
    put_deletion(store, 2, "deleted")
    assert registry.register(model, "fraud", capture=captured, if_changed=True).version.number == 1
    put_deletion(store, 1, "deleted")
    registered = registry.register(model, "fraud", capture=captured, if_changed=True)
    assert (registered.version.number, registered.uploaded) == (5, False)


def test_a_damaged_record_of_another_version_does_not_stop_a_register(
    store: Store, model: Path, captured: Capture
) -> None:
    registry = Registry(store)
    for _ in range(2):
        registry.register(model, "fraud", capture=captured)
    store.delete("models/fraud/versions/00000002.json")
    store.create("models/fraud/versions/00000002.json", b"{}")
    registered = registry.register(model, "fraud", capture=captured, if_changed=True)
    assert registered.version.number == 1
    assert registry.register(model, "fraud", capture=captured).version.number == 3
