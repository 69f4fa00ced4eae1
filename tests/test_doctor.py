"""modelreg doctor."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bucket_servers import Server
from conftest import Run
from memory_store import MemoryStore

from modelreg import Registry
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


def faults(store: Store) -> dict[str, str]:
    return {found.what: found.found for found in Registry(store).examine() if found.exit_code}


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
    assert json.loads(ran.out)[-1]["exit_code"] == 6


def test_a_bucket_is_looked_over(ministack: Server, s3_url: str, run: Run) -> None:
    assert run("init", s3_url).code == 0
    assert run("doctor", "--registry", s3_url).code == 0
    ran = run("doctor", "--registry", "s3://not-there")
    assert ran.code == 8
    assert "FAIL  store      there is no bucket not-there" in ran.out
