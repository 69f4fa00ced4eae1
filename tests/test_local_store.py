"""What only a folder has: a staging folder, permissions, a disk that fills up, files that others put there."""

import errno
import os
import shutil
import sys
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from modelreg.digest import CHUNK
from modelreg.errors import KeyAbsentError, KeyExistsError, StoreError, UsageError
from modelreg.store import open_store
from modelreg.store.local import STAGING, LocalStore

HOUR = timedelta(hours=1)
KEY = "models/fraud/versions/00000001.json"

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="mounts and powers are Linux's")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "registry"


@pytest.fixture
def local(root: Path) -> LocalStore:
    return LocalStore(root)


def staged(root: Path) -> list[str]:
    return [path.name for path in (root / STAGING).iterdir()]


# Staging


def test_nothing_is_made_before_the_first_write(local: LocalStore, root: Path) -> None:
    assert list(local.entries("")) == []
    with pytest.raises(KeyAbsentError):
        local.read(KEY, 10)
    local.delete(KEY)
    assert not root.exists()


def test_staging_is_empty_after_every_kind_of_write(local: LocalStore, root: Path, model: Path) -> None:
    local.create(KEY, b"x")
    local.upload("models/fraud/artifacts/x/a", model)
    local.clock()
    with pytest.raises(KeyExistsError):
        local.create(KEY, b"y")
    assert staged(root) == []


def test_what_a_killed_writer_left_in_staging_is_never_listed(local: LocalStore, root: Path) -> None:
    local.create(KEY, b"x")
    (root / STAGING / "left").write_bytes(b"half")
    assert [entry[:2] for entry in local.entries("")] == [(KEY, 1)]
    assert [entry[:2] for entry in local.entries("models/")] == [(KEY, 1)]


def test_what_killed_writers_left_is_swept_when_it_is_old(local: LocalStore, root: Path, model: Path) -> None:
    local.upload(KEY, model)
    now = local.clock()
    for name, age in (("old", 3 * HOUR), ("young", 1 * HOUR)):
        (root / STAGING / name).write_bytes(b"12345")
        os.utime(root / STAGING / name, ((now - age).timestamp(), (now - age).timestamp()))
    assert local.sweep(now - 2 * HOUR, apply=False) == 5
    assert sorted(staged(root)) == ["old", "young"]
    assert local.sweep(now - 2 * HOUR, apply=True) == 5
    assert staged(root) == ["young"]
    assert local.read(KEY, 10_000) == model.read_bytes()


def test_an_upload_that_is_swept_away_before_it_is_done_is_an_error_of_the_store(
    local: LocalStore, tmp_path: Path
) -> None:
    """Of a writer that stood still for longer than the grace: it must not believe that its file is there."""
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(3 * CHUNK))

    def sweep(_: int) -> None:
        local.sweep(local.clock() + HOUR, apply=True)

    with pytest.raises(StoreError, match="was removed while it was written to"):
        local.upload(KEY, big, sweep)
    assert list(local.entries("")) == []


@linux_only
def test_bytes_are_on_the_disk_before_they_have_a_name_and_then_the_folders_are(
    local: LocalStore, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulling the plug is not for a test; that the system is told in the right order is."""
    calls: list[str] = []
    real_link, real_fsync = os.link, os.fsync

    def link(source: Path, target: Path) -> None:
        calls.append("link")
        real_link(source, target)

    def fsync(descriptor: int) -> None:
        flushed = Path(f"/proc/self/fd/{descriptor}").readlink()
        calls.append("bytes" if flushed.parent.name == STAGING else str(flushed.relative_to(tmp_path)))
        real_fsync(descriptor)

    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(os, "fsync", fsync)
    local.create("models/fraud/a", b"x")
    linked = calls.index("link")
    # The registry in the folder above it, the staging folder in it; the bytes; and the new folders once all is linked.
    assert sorted(calls[: linked - 1]) == [".", "registry"]
    assert calls[linked - 1] == "bytes"
    assert sorted(calls[linked + 1 :]) == ["registry", "registry/models", "registry/models/fraud"]
    calls.clear()
    local.create("models/fraud/b", b"x")
    assert calls == ["bytes", "link", "registry/models/fraud"]


def test_a_folder_of_an_artifact_may_be_called_like_the_staging(local: LocalStore) -> None:
    local.create(f"models/fraud/artifacts/x/{STAGING}/a", b"x")
    assert [entry.key for entry in local.entries("models/")] == [f"models/fraud/artifacts/x/{STAGING}/a"]


def test_a_key_is_the_file_of_that_name_and_nothing_is_added(local: LocalStore, root: Path) -> None:
    local.create(KEY, b"x")
    assert (root / KEY).read_bytes() == b"x"
    assert sorted(path.name for path in root.iterdir()) == [STAGING, "models"]
    assert (root / KEY).stat().st_nlink == 1


# What is in the way


def test_a_registry_that_is_a_file_is_named(root: Path, local: LocalStore) -> None:
    root.write_bytes(b"")
    with pytest.raises(StoreError, match=f"needs a folder where {root} is a file"):
        local.create(KEY, b"x")
    with pytest.raises(StoreError, match="cannot be used"):
        local.read(KEY, 10)


@pytest.mark.parametrize("blocked", [STAGING, "models", "models/fraud", "models/fraud/versions"])
def test_a_file_where_a_folder_is_needed_is_named(local: LocalStore, root: Path, blocked: str) -> None:
    (root / blocked).parent.mkdir(parents=True)
    (root / blocked).write_bytes(b"mine")
    with pytest.raises(StoreError, match=f"needs a folder where {root / blocked} is a file") as refused:
        local.create(KEY, b"x")
    assert not isinstance(refused.value, KeyExistsError)
    assert (root / blocked).read_bytes() == b"mine"


def test_a_folder_where_a_record_should_be_is_an_error_of_the_store(local: LocalStore, root: Path) -> None:
    (root / KEY).mkdir(parents=True)
    with pytest.raises(StoreError):
        local.read(KEY, 10)
    with pytest.raises(StoreError):
        next(local.stream(KEY))
    with pytest.raises(StoreError):
        local.delete(KEY)
    with pytest.raises(KeyExistsError):
        local.create(KEY, b"x")


def test_a_symlink_that_leads_nowhere_is_an_error_of_the_store(local: LocalStore, root: Path) -> None:
    root.mkdir()
    (root / "models").symlink_to(root / "gone")
    with pytest.raises(StoreError):
        local.create(KEY, b"x")
    assert staged(root) == []
    assert list(local.entries("models/")) == []


def test_symlinks_in_a_circle_end(local: LocalStore, root: Path) -> None:
    local.create(KEY, b"x")
    (root / "models" / "loop").symlink_to("loop")
    for look in (lambda: list(local.entries("models/")), lambda: local.folders("models/")):
        with pytest.raises(StoreError, match="Too many levels of symbolic links"):
            look()


def test_a_name_that_is_too_long_for_the_file_system_is_an_error_of_the_store(local: LocalStore, root: Path) -> None:
    with pytest.raises(StoreError, match="File name too long"):
        local.create(f"models/{'x' * 300}", b"x")
    assert staged(root) == []


# Links. The few file systems without them (FAT, some network drives) cannot be mounted in a test, so the system call
# is made to answer as theirs does.


@linux_only
@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_hard_links_is_refused(
    local: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def link(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number), str(source), None, str(target))

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(StoreError, match=r"has no hard links, .*; choose a folder on another file system"):
        local.create(KEY, b"x")
    assert list(local.entries("")) == []
    assert staged(root) == []


@linux_only
def test_a_link_whose_answer_was_lost_on_nfs_is_ours(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client asks again, and hears that the name is taken: by itself."""
    real = os.link

    def link(source: Path, target: Path) -> None:
        real(source, target)
        raise FileExistsError(errno.EEXIST, "File exists", str(source), None, str(target))

    monkeypatch.setattr(os, "link", link)
    local.create(KEY, b"x")
    assert local.read(KEY, 10) == b"x"
    monkeypatch.setattr(os, "link", real)
    with pytest.raises(KeyExistsError):
        local.create(KEY, b"x")


# Others who remove


@linux_only
def test_a_folder_that_a_deleter_removes_under_a_writer_is_made_again(
    local: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every time the writer has made the folder, somebody deletes its last key; at last the writer gets through."""
    real, turns = os.link, iter(range(3))

    def link(source: Path, target: Path) -> None:
        if next(turns, None) is not None:
            (root / "models/fraud/versions/other").touch()
            local.delete("models/fraud/versions/other")
            assert not (root / "models").exists()
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    local.create(KEY, b"x")
    assert next(turns, None) is None
    assert local.read(KEY, 10) == b"x"


def test_deleting_never_takes_a_folder_that_somebody_writes_to(local: LocalStore, root: Path) -> None:
    over = threading.Event()

    def delete() -> None:
        while not over.is_set():
            with suppress(FileNotFoundError):
                (root / "models/fraud/versions/other").touch()
            local.delete("models/fraud/versions/other")

    deleter = threading.Thread(target=delete)
    deleter.start()
    try:
        for number in range(150):
            local.create(f"models/fraud/versions/{number}", b"x")
            assert local.read(f"models/fraud/versions/{number}", 10) == b"x"
            local.delete(f"models/fraud/versions/{number}")
    finally:
        over.set()
        deleter.join()


def test_an_empty_folder_that_a_killed_writer_left_is_no_folder_of_the_registry(local: LocalStore, root: Path) -> None:
    local.create(KEY, b"x")
    (root / "models/churn/artifacts/20260102T030405Z").mkdir(parents=True)
    assert local.folders("models/") == ["fraud"]
    assert local.folders("models/churn/") == []
    local.create("models/churn/artifacts/20260102T030405Z/model.pkl", b"x")
    assert local.folders("models/") == ["churn", "fraud"]


def test_a_registry_that_is_removed_while_it_is_written_to_is_an_error_of_the_store(
    local: LocalStore, root: Path, tmp_path: Path
) -> None:
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(3 * CHUNK))
    with pytest.raises(StoreError, match="was removed while it was written to") as refused:
        local.upload("models/a", big, lambda _: shutil.rmtree(root, ignore_errors=True))
    assert not isinstance(refused.value, KeyAbsentError)
    assert local.upload("models/a", big).size == 3 * CHUNK


# Its URL


def test_a_store_is_a_path_or_a_file_url(tmp_path: Path) -> None:
    folder = tmp_path / "a b%20ü"
    assert open_store(str(folder)).url == str(folder)
    assert open_store(folder.as_uri()).url == str(folder)
    assert open_store(f"file://localhost{tmp_path}").url == str(tmp_path)
    assert open_store("registry").url == str(Path.cwd() / "registry")
    assert open_store("~/registry").url == str(Path.home() / "registry")


URLS: dict[str, str] = {
    "another scheme": "ftp://host/folder",
    "another machine": "file://host/folder",
    "no absolute path": "file://folder",
    "a user there is not": "~nobody-of-this-name/registry",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS.keys())
def test_what_is_no_folder_of_this_machine_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=url):
        open_store(url)
