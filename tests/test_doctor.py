"""modelreg doctor."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bucket_servers import Server
from conftest import Run
from folders import damage_record
from hand_made import put_collection
from memory_store import MemoryStore

from modelreg import Capture, Progress, Registry
from modelreg.store import Store


class Lying(MemoryStore):
    """Lets a record be created twice."""

    def create(self, key: str, data: bytes) -> None:
        self.content[key] = data


class Ahead(MemoryStore):
    """Its clock is ten minutes ahead."""

    def clock(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=10)


class Littered(MemoryStore):
    """Somebody was killed here, two days ago."""

    def sweep(self, before: datetime, *, apply: bool) -> int:
        assert not apply
        assert datetime.now(UTC) - before > timedelta(hours=23)
        return 12_345


def faults(store: Store, *references: str, deep: bool = False) -> dict[str, str]:
    found = Registry(store).examine(references, deep=deep)
    return {one.what: one.found for one in found if one.exit_code}


def test_a_registry_that_is_well_has_no_fault_and_is_not_written_to(store: Store) -> None:
    Registry(store).init()
    before = store.read("modelreg.json", 10_000)
    found = list(Registry(store).examine())
    assert [diagnosis.what for diagnosis in found] == ["store", "clock", "marker", "writing", "leftovers"]
    assert faults(store) == {}
    assert store.read("modelreg.json", 10_000) == before


def test_what_is_no_registry_yet_is_told_and_stays_so(store: Store) -> None:
    found = list(Registry(store).examine())
    assert "modelreg init" in found[-1].found
    assert list(store.entries("")) == []


@pytest.mark.parametrize(
    ("kind", "what", "says"),
    [(Lying, "writing", "created twice"), (Ahead, "clock", "set it")],
    ids=["a store that lies", "a clock that is off"],
)
def test_a_fault_is_named(kind: type[MemoryStore], what: str, says: str) -> None:
    store = kind()
    store.content["modelreg.json"] = _marker()
    assert list(faults(store)) == [what]
    assert says in faults(store)[what]


def test_what_killed_writers_left_is_told_and_is_no_fault() -> None:
    store = Littered()
    store.content["modelreg.json"] = _marker()
    assert faults(store) == {}
    assert "12,345 bytes" in list(Registry(store).examine())[-1].found


def _marker() -> bytes:
    store = MemoryStore()
    Registry(store).init()
    return store.content["modelreg.json"]


def test_the_command_exits_with_the_code_of_the_first_fault(run: Run, tmp_path: Path) -> None:
    assert run("init").code == 0
    ran = run("doctor")
    assert ran.code == 0
    assert [line.split()[:2] for line in ran.out.splitlines()] == [
        ["ok", "store"],
        ["ok", "clock"],
        ["ok", "marker"],
        ["ok", "writing"],
        ["ok", "leftovers"],
    ]
    (tmp_path / "registry" / "modelreg.json").write_bytes(b"{}")
    ran = run("doctor", "--json")
    assert ran.code == 6
    document = json.loads(ran.out)
    assert list(document) == ["format", "registry", "exit_code", "findings"]
    assert (document["format"], document["registry"]) == (1, str(tmp_path / "registry"))
    assert document["exit_code"] == document["findings"][-1]["exit_code"] == 6
    assert [finding["what"] for finding in document["findings"]] == ["store", "clock", "marker"]
    assert run("doctor", "-q").out == "marker\n"


# With --deep


def _flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


FAULTS: dict[str, tuple[str, Callable[[bytes], bytes | None], str]] = {
    "other bytes": ("models/fraud/artifacts/", _flip, "model.pkl has other bytes than those that were registered"),
    "fewer bytes": ("models/fraud/artifacts/", lambda data: data[:-1], "model.pkl has fewer than its"),
    "more bytes": ("models/fraud/artifacts/", lambda data: data + b"x" * 2_000_000, "model.pkl has more than its"),
    "no file": ("models/fraud/artifacts/", lambda _: None, "model.pkl is missing"),
    "the list of files": ("models/fraud/trees/", _flip, "trees/"),
    "no list of files": ("models/fraud/trees/", lambda _: None, "is missing"),
    "the environment": ("models/fraud/environments/", _flip, "environments/"),
    "no environment": ("models/fraud/environments/", lambda _: None, "is missing"),
}


@pytest.mark.parametrize(("prefix", "change", "says"), FAULTS.values(), ids=list(FAULTS))
def test_deep_names_each_version_that_is_damaged_and_only_those(
    store: Store, model: Path, captured: Capture, prefix: str, change: Callable[[bytes], bytes | None], says: str
) -> None:
    registry = Registry(store)
    for name in ("fraud", "fraud", "churn"):
        registry.register(model, name, capture=captured)
    damage_record(store, prefix, change)
    assert not [found for found in registry.examine() if found.exit_code]
    found = [one for one in registry.examine(deep=True) if one.exit_code]
    assert [one.what for one in found] == ["fraud:2", "fraud:1", "versions"]
    assert [one.exit_code for one in found] == [6, 6, 6]
    assert says in found[0].found
    assert found[0].found == found[1].found
    assert faults(store, "churn:1", deep=True) == {}
    assert list(faults(store, "fraud:1", deep=True)) == ["fraud:1", "versions"]


def test_deep_reads_what_can_be_restored_and_not_what_was_collected(
    store: Store, model: Path, captured: Capture
) -> None:
    registry = Registry(store)
    first = registry.register(model, "fraud", capture=captured).version
    model.write_bytes(b"another model")
    registry.register(model, "fraud", capture=captured)
    registry.delete("fraud:1")
    assert list(registry.examine(deep=True))[-1].found.startswith("read: 2 (files: 2, bytes: ")
    for entry in list(store.entries(f"models/fraud/artifacts/{first.artifact.upload}")):
        store.delete(entry.key)
    assert list(faults(store, deep=True)) == ["fraud:1", "versions"]
    put_collection(store, 1, [first.artifact.upload], [first.artifact.upload])
    assert faults(store, deep=True) == {}
    last = list(registry.examine(deep=True))[-1]
    assert last.found == "read: 1 (files: 1, bytes: 13); all are as they were registered"


def test_deep_names_the_model_of_a_damaged_record_and_goes_on(store: Store, model: Path, captured: Capture) -> None:
    registry = Registry(store)
    for _ in range(3):
        registry.register(model, "fraud", capture=captured)
    damage_record(store, "models/fraud/versions/00000002", lambda _: b"{}")
    found = faults(store, deep=True)
    assert list(found) == ["fraud", "versions"]
    assert "versions/00000002.json" in found["fraud"]
    assert found["versions"].startswith("read: 2 (files: 1, bytes: ")


def test_deep_tells_how_far_it_has_come(store: Store, model: Path, captured: Capture) -> None:
    registry = Registry(store)
    for _ in range(2):
        registry.register(model, "fraud", capture=captured)
    seen: list[Progress] = []
    list(registry.examine(deep=True, progress=seen.append))
    assert seen[-1] == Progress("check", model.stat().st_size, model.stat().st_size)


def test_the_command_reads_every_byte_when_it_is_told_to(run: Run, model: Path, tmp_path: Path) -> None:
    for name in ("fraud", "churn"):
        assert run("register", str(model), name).code == 0
    assert run("doctor", "--deep").out.splitlines()[-1].startswith("ok    versions   read: 2 (files: 2, bytes: ")
    (stored,) = (tmp_path / "registry" / "models" / "churn").rglob("model.pkl")
    stored.chmod(0o600)
    stored.write_bytes(model.read_bytes()[::-1])
    ran = run("doctor", "--deep")
    assert ran.code == 6
    assert "FAIL  churn:1    model.pkl has other bytes than those that were registered\n" in ran.out
    assert run("doctor", "--deep", "fraud", "-q").code == 0
    ran = run("doctor", "--deep", "fraud", "churn:1", "-q")
    assert (ran.code, ran.out) == (6, "churn:1\nversions\n")
    assert run("doctor", "--deep", "fraud:7").code == 4
    ran = run("doctor", "fraud")
    assert (ran.code, "--deep" in ran.err) == (2, True)


def test_a_bucket_is_looked_over(ministack: Server, s3_url: str, run: Run) -> None:
    assert run("init", s3_url).code == 0
    assert run("doctor", "--registry", s3_url).code == 0
    ran = run("doctor", "--registry", "s3://not-there")
    assert ran.code == 8
    assert "FAIL  store      there is no bucket not-there" in ran.out
