"""docs/protocol.md: numbering, lost answers, stores that lie, settling, what is live, what is reused."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hand_made import live, numbers_in, planned, put, put_collection
from memory_store import MemoryStore
from watched_store import WatchedStore

from modelreg import Capture, Registry
from modelreg.errors import AccessDeniedError, StoreError
from modelreg.store import Store

WRITERS = 32

WRITER = """
import sys
from modelreg import Capture, Environment, Platform, Python, Registry
capture = Capture(Environment(Python("3.11.7", "cpython"), Platform("linux", "x86_64")), "venv", "/somewhere")
registry, path = Registry.open(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
print(registry.register(path, "fraud", capture=capture, tags={"writer": sys.argv[3]}).version.number)
"""


# Numbering


def test_32_processes_get_the_versions_1_to_32_each_once(tmp_path: Path, model: Path) -> None:
    root = tmp_path / "registry"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, root, model, str(writer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for writer in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    answers = {str(number): int(writer.communicate(timeout=60)[0]) for number, writer in enumerate(writers)}
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert sorted(answers.values()) == list(range(1, WRITERS + 1))
    registry = Registry.open(str(root))
    assert {version.tags["writer"]: version.number for version in registry.versions("fraud")} == answers


def test_32_threads_get_the_versions_1_to_32_each_once(store: Store, model: Path, captured: Capture) -> None:
    registry = Registry(store)

    def register(writer: int) -> int:
        tags = {"writer": str(writer)}
        return registry.register(model, "fraud", capture=captured, tags=tags).version.number

    with ThreadPoolExecutor(WRITERS) as threads:
        answers = dict(enumerate(threads.map(register, range(WRITERS))))
    assert sorted(answers.values()) == list(range(1, WRITERS + 1))
    assert {int(version.tags["writer"]): version.number for version in registry.versions("fraud")} == answers


def test_a_number_that_somebody_took_meanwhile_is_passed_over(store: Store, model: Path, captured: Capture) -> None:
    """Another writer commits the next number between our listing and our commit, three times over."""
    others = iter(range(3))

    def before(key: str, data: bytes) -> None:
        if "/versions/" in key and next(others, None) is not None:
            Registry(store).register(model, "fraud", capture=captured)

    watched = WatchedStore(store, before)
    assert Registry(watched).register(model, "fraud", capture=captured).version.number == 4
    assert live(store) == [1, 2, 3, 4]


def test_the_version_record_is_the_last_thing_that_is_written(
    store: Store, tmp_path: Path, model: Path, other_environment: Capture
) -> None:
    folder = tmp_path / "folder"
    (folder / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/data", "variables/index"):
        (folder / name).write_bytes(name.encode())
    watched = WatchedStore(store)
    registered = Registry(watched).register(folder, "fraud", capture=other_environment)
    upload = registered.version.artifact.upload
    assert [key.partition(upload)[2] or key.split("/")[2:3] or key for _, key in watched.writes] == [
        "modelreg.json",
        "modelreg.json",
        "/saved_model.pb",
        "/variables/data",
        "/variables/index",
        ["trees"],
        ["environments"],
        ["versions"],
    ]
    watched.writes.clear()
    Registry(watched).register(folder, "fraud", capture=other_environment)
    assert watched.writes[-1] == ("create", "models/fraud/versions/00000002.json")
    assert watched.uploads == []


# Lost answers


class LosingStore(WatchedStore):
    """Every `every`-th creation fails: `after` it was done, `before` it is done, or now so, now so."""

    def __init__(self, inner: Store, every: int, when: str) -> None:
        super().__init__(inner)
        self._every = every
        self._when = when
        self.lost = 0

    def create(self, key: str, data: bytes) -> None:
        turn = len(self.writes) + 1
        fails = turn % self._every == 0
        after = self._when == "after" or (self._when == "in turn" and (turn // self._every) % 2 == 0)
        if not fails or after:
            super().create(key, data)
        else:
            self.writes.append(("create", key))
        if fails:
            self.lost += 1
            raise StoreError("the connection was reset")


@pytest.mark.parametrize("when", ["after", "before", "in turn"])
@pytest.mark.parametrize("every", [2, 3, 4, 5, 7])
def test_lost_answers_make_no_ghost_and_no_gap(
    store: Store, model: Path, captured: Capture, every: int, when: str
) -> None:
    losing = LosingStore(store, every, when)
    acknowledged = {}
    for turn in range(10):
        model.write_bytes(b"%d" % (turn // 2))
        registered = Registry(losing).register(model, "fraud", capture=captured, tags={"turn": str(turn)})
        acknowledged[registered.version.number] = str(turn)
    assert losing.lost >= 2
    assert acknowledged == {number: str(number - 1) for number in range(1, 11)}
    assert {version.number: version.tags["turn"] for version in Registry(store).versions("fraud")} == acknowledged
    assert live(store) == list(range(1, 11))


def test_lost_answers_of_many_threads_make_no_ghost_and_no_gap(store: Store, model: Path, captured: Capture) -> None:
    registry = Registry(LosingStore(store, 3, "in turn"))

    def register(writer: int) -> int:
        tags = {"writer": str(writer)}
        return registry.register(model, "fraud", capture=captured, tags=tags).version.number

    with ThreadPoolExecutor(8) as threads:
        answers = dict(enumerate(threads.map(register, range(24))))
    assert sorted(answers.values()) == list(range(1, 25))
    assert {int(version.tags["writer"]): version.number for version in registry.versions("fraud")} == answers


def test_a_lost_answer_is_settled_even_if_the_next_ones_are_lost_too(
    store: Store, model: Path, captured: Capture
) -> None:
    class Deaf(WatchedStore):
        """Keeps the version record, but its answer and the first answers to reading it back are lost."""

        silent = 0

        def create(self, key: str, data: bytes) -> None:
            super().create(key, data)
            if "/versions/" in key:
                self.silent = 2
                raise StoreError("the connection was reset")

        def read(self, key: str, limit: int) -> bytes:
            if "/versions/" in key and self.silent:
                self.silent -= 1
                raise StoreError("the connection was reset")
            return super().read(key, limit)

    assert Registry(Deaf(store)).register(model, "fraud", capture=captured).version.number == 1
    assert live(store) == [1]


@pytest.mark.parametrize("error", [StoreError("the bucket is gone"), AccessDeniedError("not allowed to write")])
@pytest.mark.parametrize("where", ["modelreg.json", "/trees/", "/environments/", "/versions/"])
def test_a_store_that_never_keeps_a_record_is_an_error_and_makes_no_version(
    store: Store, model: Path, captured: Capture, where: str, error: Exception
) -> None:
    def before(key: str, data: bytes) -> None:
        if where in key:
            raise error

    with pytest.raises(type(error), match=str(error)):
        Registry(WatchedStore(store, before)).register(model, "fraud", capture=captured)
    assert numbers_in(store) == []
    assert Registry(store).register(model, "fraud", capture=captured).version.number == 1
    assert live(store) == [1]


# Stores that lie


class OverwritingStore(MemoryStore):
    """Ignores *create if absent*, as some servers that speak S3 do."""

    def create(self, key: str, data: bytes) -> None:
        self.content[key] = data


class ForgettingStore(MemoryStore):
    """Accepts a second creation, and keeps the first."""

    def create(self, key: str, data: bytes) -> None:
        self.content.setdefault(key, data)


@pytest.mark.parametrize("kind", [OverwritingStore, ForgettingStore])
def test_a_store_that_accepts_a_second_creation_is_refused_every_time(
    kind: type[MemoryStore], model: Path, captured: Capture
) -> None:
    lying = kind()
    for _ in range(3):
        with pytest.raises(StoreError, match=r"lets a record be created twice, .*it cannot hold a registry") as refused:
            Registry(lying).register(model, "fraud", capture=captured)
        assert refused.value.exit_code == 8
    assert not [key for key in lying.content if key.startswith("models/")]


# Settling


def test_a_collection_without_a_plan_is_voided_and_the_version_stands(
    store: Store, model: Path, captured: Capture
) -> None:
    registry = Registry(store)
    upload = registry.register(model, "fraud", capture=captured).version.artifact.upload
    put_collection(store, 1, [upload])
    put_collection(store, 2, ["20260102T030405Z-" + "0" * 32])
    put_collection(store, 3, ["20260102T030405Z-" + "0" * 32, upload])
    registered = registry.register(model, "fraud", capture=captured)
    assert (registered.version.number, registered.uploaded) == (2, False)
    assert (planned(store, 1), planned(store, 3)) == ([], [])
    assert [entry.key for entry in store.entries("models/fraud/collections/00000002/")] == [
        "models/fraud/collections/00000002/candidates.json"
    ]
    assert live(store) == [1, 2]


def test_a_collection_that_somebody_else_voided_harms_nothing(store: Store, model: Path, captured: Capture) -> None:
    """The other's empty plan comes in just before ours."""
    registry = Registry(store)
    upload = registry.register(model, "fraud", capture=captured).version.artifact.upload
    put_collection(store, 1, [upload])

    def before(key: str, data: bytes) -> None:
        if key.endswith("/plan.json"):
            put_collection(store, 1, [upload], [])

    watched = WatchedStore(store, before)
    registered = Registry(watched).register(model, "fraud", capture=captured)
    assert ("create", "models/fraud/collections/00000001/plan.json") in watched.writes
    assert (registered.version.number, registered.uploaded) == (2, False)
    assert live(store) == [1, 2]


@pytest.mark.parametrize("moment", ["before the version", "between the version and the void"])
def test_where_the_files_were_collected_meanwhile_register_starts_over_with_a_fresh_upload(
    store: Store, model: Path, captured: Capture, moment: str
) -> None:
    upload = Registry(store).register(model, "fraud", capture=captured).version.artifact.upload
    put_collection(store, 1, [upload])

    def before(key: str, data: bytes) -> None:
        if key.endswith("/versions/00000002.json" if moment == "before the version" else "/plan.json"):
            put_collection(store, 1, [upload], [upload])
            for entry in list(store.entries(f"models/fraud/artifacts/{upload}/")):
                store.delete(entry.key)

    watched = WatchedStore(store, before)
    registered = Registry(watched).register(model, "fraud", capture=captured)
    assert (registered.version.number, registered.uploaded) == (3, True)
    assert len(watched.uploads) == 1
    assert upload not in watched.uploads[0]
    assert numbers_in(store) == [1, 2, 3]
    assert live(store) == [3]


def test_a_fresh_upload_that_is_collected_at_once_is_uploaded_again(
    store: Store, model: Path, captured: Capture
) -> None:
    def before(key: str, data: bytes) -> None:
        if "/versions/" in key and len(numbers_in(store)) < 2:
            upload = json.loads(data)["artifact"]["upload"]
            put_collection(store, len(numbers_in(store)) + 1, [upload], [upload])

    watched = WatchedStore(store, before)
    registered = Registry(watched).register(model, "fraud", capture=captured)
    assert (registered.version.number, registered.uploaded) == (3, True)
    assert len(set(watched.uploads)) == 3
    assert live(store) == [3]


def test_files_that_are_collected_again_and_again_are_an_error_in_the_end(
    store: Store, model: Path, captured: Capture
) -> None:
    def before(key: str, data: bytes) -> None:
        if "/versions/" in key:
            upload = json.loads(data)["artifact"]["upload"]
            put_collection(store, len(numbers_in(store)) + 1, [upload], [upload])

    with pytest.raises(StoreError, match="the files of fraud were collected 5 times"):
        Registry(WatchedStore(store, before)).register(model, "fraud", capture=captured)
    assert live(store) == []
    assert Registry(store).register(model, "fraud", capture=captured).version.number == 6


def test_a_collection_that_has_not_said_what_it_looks_at_is_ignored(
    store: Store, model: Path, captured: Capture
) -> None:
    put(store, "collections/00000001/notes.json", "notes")
    assert Registry(store).register(model, "fraud", capture=captured).version.number == 1
    assert [entry.key for entry in store.entries("models/fraud/collections/")] == [
        "models/fraud/collections/00000001/notes.json"
    ]
