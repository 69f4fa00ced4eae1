"""What every store promises, each kind in turn: the docstrings of store/protocol.py as tests."""

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelreg.digest import CHUNK, sha256_of
from modelreg.errors import (
    AccessDeniedError,
    KeyAbsentError,
    KeyExistsError,
    ModelregError,
    NotFoundError,
    StoreError,
    UnsafePathError,
)
from modelreg.store import Fetcher, Store
from modelreg.store.bucket import PART

MANY = 16
"""Threads that want the same thing at once."""

posix_only = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no pipes in folders, and asks for symlinks"
)

KEYS = {
    "plain": "models/fraud/versions/00000001.json",
    "unicode": "models/fraud/artifacts/x/modèle-機械学習-🧠.bin",
    "spaces": "models/fraud/artifacts/x/a file of  mine .d/w 1.bin",
    "signs": "models/fraud/artifacts/x/100%+#&=~!@$^(){}[];',.bin",
    "dots": "models/fraud/artifacts/x/.hidden/..a/...b",
    "like an option": "models/fraud/artifacts/x/--force",
    "percent-encoded": "models/fraud/artifacts/x/a%2Fb%20c",
    "as long as it may be": "models/fraud/artifacts/x/" + "/".join(["d" * 255, "e" * 255, "f" * 255, "g" * 255]),
    "at the root": "modelreg.json",
}

CONTENTS = {
    "no byte": b"",
    "a byte": b"x",
    "no text": bytes(range(256)),
    "a chunk": os.urandom(CHUNK),
    "a chunk and a byte": os.urandom(CHUNK + 1),
    "several MiB": os.urandom(5 * CHUNK + 12_345),
}


@pytest.fixture(params=list(CONTENTS.values()), ids=list(CONTENTS))
def content(request: pytest.FixtureRequest) -> bytes:
    return bytes(request.param)


@pytest.fixture(params=list(KEYS.values()), ids=list(KEYS))
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_is_created_is_read_back(store: Store, content: bytes) -> None:
    store.create("models/a", content)
    assert store.read("models/a", len(content)) == content
    assert b"".join(store.stream("models/a")) == content
    assert [entry[:2] for entry in store.entries("models/")] == [("models/a", len(content))]


def test_what_is_uploaded_is_read_back_and_its_digest_is_told(store: Store, content: bytes, model: Path) -> None:
    model.write_bytes(content)
    assert store.upload("models/a", model) == (len(content), sha256_of(content))
    assert store.read("models/a", len(content)) == content
    assert b"".join(store.stream("models/a")) == content
    assert [entry[:2] for entry in store.entries("models/")] == [("models/a", len(content))]


def test_progress_adds_up_to_the_size(store: Store, content: bytes, model: Path) -> None:
    model.write_bytes(content)
    told: list[int] = []
    store.upload("models/a", model, told.append)
    assert sum(told) == len(content)
    assert max(told) <= CHUNK


def test_a_stream_comes_in_pieces_that_memory_can_hold(store: Store) -> None:
    store.create("models/a", bytes(5 * CHUNK))
    assert max(len(piece) for piece in store.stream("models/a")) <= CHUNK


# Fetching into a file


def fetcher_of(store: Store) -> Fetcher:
    fetcher = store.fetcher()
    if fetcher is None:
        pytest.skip("a stream is as quick here")
    return fetcher


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 7 * PART + 5], ids=str)
def test_what_is_fetched_lies_in_the_file_up_to_where_it_is_told(store: Store, model: Path, size: int) -> None:
    fetcher = fetcher_of(store)
    data = os.urandom(size)
    model.write_bytes(data)
    store.upload("models/a", model)
    for start, end in ((0, size + 1), (size // 2, size + 1), (0, max(size - 3, 1)), (size, size + 1)):
        told: list[int] = []
        target = model.with_name("fetched")
        reached = start
        with target.open("w+b", buffering=0) as file:
            for now in fetcher("models/a", file.fileno(), start, end, told.append):
                assert reached <= now <= min(end, size)
                reached = now
                assert target.read_bytes()[start:reached] == data[start:reached]
        assert reached == min(end, size) or start == size
        assert sum(told) == reached - start
        assert target.stat().st_size in (0, reached)


def test_a_fetch_that_is_left_in_the_middle_writes_no_more(store: Store, model: Path) -> None:
    fetcher = fetcher_of(store)
    model.write_bytes(bytes(7 * PART))
    store.upload("models/a", model)
    told: list[int] = []
    with model.with_name("fetched").open("w+b", buffering=0) as file:
        with closing(fetcher("models/a", file.fileno(), 0, 7 * PART, told.append)) as ends:
            next(ends)
            next(ends)
        so_far = sum(told)
        time.sleep(0.2)
        assert sum(told) == so_far


def test_nothing_is_fetched_from_an_absent_key(store: Store, tmp_path: Path) -> None:
    fetcher = fetcher_of(store)
    with (tmp_path / "fetched").open("w+b", buffering=0) as file, pytest.raises(KeyAbsentError):
        list(fetcher("models/a", file.fileno(), 0, 10, print))


def test_a_file_that_cannot_be_written_is_no_fault_of_the_store(store: Store, model: Path) -> None:
    fetcher = fetcher_of(store)
    model.write_bytes(bytes(3 * PART))
    store.upload("models/a", model)
    with model.open("rb") as file, pytest.raises(OSError, match="Bad file descriptor"):
        list(fetcher("models/a", file.fileno(), 0, 3 * PART, print))


def test_a_stream_may_be_left_in_the_middle(store: Store) -> None:
    store.create("models/a", bytes(5 * CHUNK))
    stream = store.stream("models/a")
    next(stream)
    del stream
    store.delete("models/a")
    assert list(store.entries("models/")) == []


def test_any_key_that_an_artifact_may_have_works_throughout(store: Store, key: str, model: Path) -> None:
    store.upload(key, model)
    assert store.read(key, 10_000) == model.read_bytes()
    assert [entry.key for entry in store.entries("")] == [key]
    assert [entry.key for entry in store.entries(key)] == [key]
    with pytest.raises(KeyExistsError):
        store.create(key, b"other")
    store.delete(key)
    assert list(store.entries("")) == []
    store.create(key, b"new")
    assert b"".join(store.stream(key)) == b"new"


def test_a_key_that_is_taken_keeps_its_bytes(store: Store) -> None:
    store.create("models/a", b"first")
    for data in (b"second", b"first", b""):
        with pytest.raises(KeyExistsError, match="exists already"):
            store.create("models/a", data)
    assert store.read("models/a", 10) == b"first"


def test_of_many_threads_that_create_one_key_exactly_one_succeeds(store: Store) -> None:
    gate = threading.Barrier(MANY)

    def create(number: int) -> bool:
        gate.wait()
        try:
            store.create("models/fraud/versions/00000001.json", b"%d" % number)
        except KeyExistsError:
            return False
        return True

    with ThreadPoolExecutor(MANY) as threads:
        won = [number for number, success in enumerate(threads.map(create, range(MANY))) if success]
    assert len(won) == 1
    assert store.read("models/fraud/versions/00000001.json", 10) == b"%d" % won[0]


def test_many_threads_use_one_store_at_once(store: Store, model: Path) -> None:
    data = os.urandom(2 * CHUNK + 7)
    model.write_bytes(data)

    def use(number: int) -> None:
        prefix = f"models/m{number % 4}/artifacts/{number}/"
        store.upload(f"{prefix}weights.bin", model)
        store.create(f"{prefix}record", b"%d" % number)
        assert b"".join(store.stream(f"{prefix}weights.bin")) == data
        assert [entry.key for entry in store.entries(prefix)] == [f"{prefix}record", f"{prefix}weights.bin"]
        store.delete(f"{prefix}record")

    with ThreadPoolExecutor(MANY) as threads:
        list(threads.map(use, range(MANY)))
    assert [entry.size for entry in store.entries("")] == [len(data)] * MANY


def test_creating_where_others_delete_works_and_never_fails(store: Store) -> None:
    """A folder that a deletion leaves empty goes; whoever is about to write there must not stumble over that."""

    def churn(number: int) -> None:
        for turn in range(60):
            key = f"models/fraud/deletions/0000000{turn % 2}/{number}.json"
            store.create(key, b"x")
            store.delete(key)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(churn, range(8)))
    assert list(store.entries("")) == []


def test_listing_where_others_delete_works_and_never_fails(store: Store) -> None:
    over = threading.Event()

    def churn(number: int) -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            store.create(f"models/m{number}/{turn}", b"x")
            store.delete(f"models/m{number}/{turn}")

    store.create("models/m0/stays", b"12345")
    with ThreadPoolExecutor(4) as threads:
        churning = [threads.submit(churn, number) for number in range(4)]
        try:
            for _ in range(150):
                assert ("models/m0/stays", 5) in [entry[:2] for entry in store.entries("models/")]
                assert "m0" in store.folders("models/")
        finally:
            over.set()
        for thread in churning:
            thread.result()


@pytest.mark.parametrize("how", ["create", "upload"])
def test_whoever_reads_meanwhile_sees_all_bytes_or_none(store: Store, model: Path, how: str) -> None:
    data = os.urandom(4 * CHUNK)
    model.write_bytes(data)
    over = threading.Event()

    def write() -> None:
        try:
            for number in range(10):
                if how == "create":
                    store.create(f"models/{number}", data)
                else:
                    store.upload(f"models/{number}", model)
        finally:
            over.set()

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        while not over.is_set():
            assert {entry.size for entry in store.entries("models/")} <= {len(data)}
            for number in range(10):
                with suppress(KeyAbsentError):
                    assert store.read(f"models/{number}", len(data)) == data
        writing.result()
    assert len(list(store.entries("models/"))) == 10


def test_nothing_lies_at_an_absent_key(store: Store) -> None:
    store.create("models/a/b", b"x")
    for key in ("models/a/c", "models/b/c", "other", "models/a/b.json"):
        with pytest.raises(KeyAbsentError, match="does not exist"):
            store.read(key, 10)
        stream = store.stream(key)  # nothing is looked at before the first piece is asked for
        with pytest.raises(KeyAbsentError, match="does not exist"):
            next(stream)
        store.delete(key)
    assert store.read("models/a/b", 10) == b"x"


def test_more_bytes_than_the_limit_are_refused(store: Store) -> None:
    store.create("models/a", b"12345")
    assert store.read("models/a", 5) == b"12345"
    for limit in (4, 0):
        with pytest.raises(StoreError, match=f"larger than {limit} bytes") as refused:
            store.read("models/a", limit)
        assert not isinstance(refused.value, KeyAbsentError | KeyExistsError)


PREFIXES = {
    "": ["a/1", "a/10/x", "a/2", "ab", "b/c/d"],
    "a": ["a/1", "a/10/x", "a/2", "ab"],
    "a/": ["a/1", "a/10/x", "a/2"],
    "a/1": ["a/1", "a/10/x"],
    "a/10": ["a/10/x"],
    "a/10/": ["a/10/x"],
    "a/10/x": ["a/10/x"],
    "a/10/x/": [],
    "ab": ["ab"],
    "b/c/": ["b/c/d"],
    "c": [],
    "a/3/": [],
    "nothing/at/all/": [],
}


SIZES = {"no byte": 0, "a byte": 1, "a part": PART, "several parts": 2 * PART + 12_345}


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
def test_a_file_matches_what_was_uploaded_of_it_and_nothing_else(store: Store, model: Path, size: int) -> None:
    model.write_bytes(os.urandom(size))
    file = store.upload("models/x", model)
    assert store.matches("models/x", file, model)
    assert store.matches("models/x", file, None)
    assert not store.matches("models/y", file, model)
    store.delete("models/x")
    if size:
        changed = model.with_name("changed")
        changed.write_bytes(bytes([model.read_bytes()[0] ^ 1]) + model.read_bytes()[1:])
        store.upload("models/x", changed)
        assert not store.matches("models/x", file, model)
        store.delete("models/x")
    store.create("models/x", b"another size")
    assert not store.matches("models/x", file, model)


def test_a_tag_stands_for_the_very_bytes_or_there_is_none(store: Store) -> None:
    def tag() -> str | None:
        (entry,) = store.entries("models/")
        return entry.tag

    store.create("models/a", b"one")
    first = tag()
    assert tag() == first
    store.delete("models/a")
    store.create("models/a", b"two")
    assert first is None or first != tag()


@pytest.mark.parametrize(("prefix", "keys"), PREFIXES.items(), ids=[prefix or "everything" for prefix in PREFIXES])
def test_entries_are_all_keys_that_begin_so_sorted(store: Store, prefix: str, keys: list[str]) -> None:
    for key in ("b/c/d", "a/2", "ab", "a/10/x", "a/1"):
        store.create(key, key.encode())
    assert [entry[:2] for entry in store.entries(prefix)] == [(key, len(key)) for key in keys]


def test_keys_are_sorted_by_code_point_and_not_folder_by_folder(store: Store) -> None:
    keys = ["a!/x", "a/x", "a0/x", "a/y/z", "a", "Z", "é", "z", "a-/x"]  # a folder's / sorts between - and 0
    for key in keys:
        store.create(f"m/{key}/k", b"")
    assert [entry.key for entry in store.entries("m/")] == sorted(f"m/{key}/k" for key in keys)


def test_folders_are_the_parts_before_the_next_slash(store: Store) -> None:
    for key in ("models/b/x", "models/a/x", "models/a/y/z", "models/ä c/x", "models/file", "modelsx/c/x"):
        store.create(key, b"")
    assert store.folders("models/") == ["a", "b", "ä c"]
    assert store.folders("models/a/") == ["y"]
    for prefix in ("models/b/", "models/none/", "none/", "models/file/"):
        assert store.folders(prefix) == []


def test_a_folder_goes_with_its_last_key(store: Store) -> None:
    for key in ("models/a/b/c/1", "models/a/b/c/2", "models/d/1"):
        store.create(key, b"")
    store.delete("models/a/b/c/1")
    assert store.folders("models/a/b/") == ["c"]
    store.delete("models/a/b/c/2")
    assert store.folders("models/") == ["d"]


def test_deleting_leaves_all_other_keys(store: Store) -> None:
    for key in ("a/1", "a/10", "a/2", "ab"):
        store.create(key, b"x")
    store.delete("a/1")
    store.delete("a/1")
    assert [entry.key for entry in store.entries("")] == ["a/10", "a/2", "ab"]


def test_an_empty_store_holds_nothing_and_says_where_it_is(store: Store) -> None:
    assert list(store.entries("")) == []
    assert store.folders("models/") == []
    assert store.url
    store.delete("models/a")
    assert list(store.entries("")) == []


def test_there_is_nothing_to_sweep_where_nobody_was_killed(store: Store, model: Path) -> None:
    store.upload("models/a", model)
    for apply in (False, True):
        assert store.sweep(store.clock() + timedelta(days=1), apply=apply) == 0
    assert store.read("models/a", 10_000) == model.read_bytes()


def test_the_clock_tells_utc_and_writes_nothing(store: Store) -> None:
    assert abs(store.clock() - datetime.now(UTC)) < timedelta(hours=1)
    assert store.clock().utcoffset() == timedelta(0)
    assert list(store.entries("")) == []


def _absent(path: Path) -> None:
    path.unlink()


def _below_a_file(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.write_bytes(b"")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _symlink(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to(path.with_name("real"))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


SOURCES = {
    "absent": (_absent, NotFoundError),
    "below a file": (_below_a_file, NotFoundError),
    "a folder": (_folder, UnsafePathError),
    "a symlink": (_symlink, UnsafePathError),
    "a pipe": (_pipe, UnsafePathError),
}


@posix_only
@pytest.mark.parametrize(("spoil", "error"), SOURCES.values(), ids=SOURCES.keys())
def test_a_source_that_cannot_be_read_leaves_no_key(
    store: Store, tmp_path: Path, spoil: Callable[[Path], None], error: type[ModelregError]
) -> None:
    source = tmp_path / "source" / "model.pkl"
    source.parent.mkdir()
    source.write_bytes(b"x")
    spoil(source)
    with pytest.raises(error, match=r"model\.pkl"):
        store.upload("models/a", source)
    assert list(store.entries("")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that can be opened, but not read")
def test_a_source_whose_disk_fails_is_named_and_not_the_store(store: Store) -> None:
    with pytest.raises(ModelregError, match=r"^/proc/self/mem cannot be read: Input/output error$") as failed:
        store.upload("models/a", Path("/proc/self/mem"))
    assert not isinstance(failed.value, StoreError)
    assert list(store.entries("")) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_source_that_may_not_be_read_leaves_no_key(store: Store, model: Path) -> None:
    model.chmod(0)
    with pytest.raises(AccessDeniedError, match="no permission to read"):
        store.upload("models/a", model)
    assert list(store.entries("")) == []


def test_an_upload_that_is_broken_off_leaves_no_key(store: Store, model: Path) -> None:
    model.write_bytes(bytes(5 * CHUNK))
    told: list[int] = []

    def break_off(size: int) -> None:
        told.append(size)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.upload("models/a", model, break_off)
    assert list(store.entries("")) == []
    assert store.upload("models/a", model).size == 5 * CHUNK
