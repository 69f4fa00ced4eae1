"""The cache: what was pulled from a bucket is there the next time, verified, bounded, and offline."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from bucket_servers import Server
from conftest import Run
from fault_proxy import faulty
from folders import FILES, read_files, write_files

from modelreg import Capture, NotFoundError, Registry, StoreError
from modelreg.cache.files import FileCache
from modelreg.cache.inventory import Inventory
from modelreg.cache.local import LocalCache
from modelreg.cache.records import Records, RememberedStore
from modelreg.digest import sha256_of
from modelreg.errors import IntegrityError, UsageError
from modelreg.records import File
from modelreg.store import Store
from modelreg.store.local import LocalStore


class DistantStore(LocalStore):
    """A folder that is asked as a bucket is: several keys at once. fetched: the files that were."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fetched: list[str] = []

    @property
    def parallel(self) -> int:
        return 4

    def stream(self, key: str, start: int = 0) -> Iterator[bytes]:
        self.fetched.append(key.split("/", 4)[-1])
        return super().stream(key, start)


@pytest.fixture
def distant(tmp_path: Path, saved_model: Path, captured: Capture) -> DistantStore:
    """A store with fraud:1, the folder."""
    store = DistantStore(tmp_path / "distant")
    Registry(store).register(saved_model, "fraud", capture=captured)
    return store


def with_cache(store: Store, *, offline: bool = False) -> Registry:
    local = LocalCache.open()
    seen = RememberedStore(store, Records(local.folder, store.url), offline=offline)
    return Registry(seen if offline else store, seen=seen, cache=local)


def kept() -> dict[str, Path]:
    """The files in the cache, by digest."""
    return {path.name: path for path in (LocalCache.open().folder / "files").rglob("*") if path.is_file()}


def file_of(data: bytes) -> File:
    return File("model.bin", len(data), sha256_of(data))


# Files


def test_what_was_pulled_once_is_not_fetched_again(distant: DistantStore) -> None:
    registry = with_cache(distant)
    registry.pull("fraud", "first")
    assert sorted(distant.fetched) == sorted(FILES)
    distant.fetched.clear()
    told: list[int] = []
    registry.pull("fraud", "second", progress=lambda progress: told.append(progress.done))
    assert distant.fetched == []
    assert read_files(Path("second")) == FILES
    assert told[-1] == sum(map(len, FILES.values()))
    assert set(kept()) == {sha256_of(data) for data in FILES.values()}


def test_a_damaged_entry_is_dropped_and_fetched_again(distant: DistantStore) -> None:
    registry = with_cache(distant)
    registry.pull("fraud", "first")
    distant.fetched.clear()
    wrong = kept()[sha256_of(FILES["saved_model.pb"])]
    wrong.write_bytes(b"x" * wrong.stat().st_size)
    short = kept()[sha256_of(FILES["variables/variables.data-00000-of-00001"])]
    short.write_bytes(short.read_bytes()[:-1])
    told: list[int] = []
    registry.pull("fraud", "second", progress=lambda progress: told.append(progress.done))
    assert sorted(distant.fetched) == ["saved_model.pb", "variables/variables.data-00000-of-00001"]
    assert read_files(Path("second")) == FILES
    assert told[-1] == sum(map(len, FILES.values()))
    assert all(sha256_of(path.read_bytes()) == name for name, path in kept().items())


def test_who_edits_a_pulled_file_changes_no_other_folder_and_the_next_pull_is_right(distant: DistantStore) -> None:
    """The entry may be a hard link of the first; it is verified, so it is dropped."""
    registry = with_cache(distant)
    registry.pull("fraud", "first")
    registry.pull("fraud", "second")
    for folder in ("first", "second"):
        with Path(folder, "saved_model.pb").open("r+b") as file:
            file.write(f"edited in {folder}".encode())
        other = {"first": "second", "second": "first"}[folder]
        assert f"edited in {folder}".encode() not in Path(other, "saved_model.pb").read_bytes()
    assert read_files(registry.pull("fraud", "third").folder) == FILES
    assert kept()[sha256_of(FILES["saved_model.pb"])].read_bytes() == FILES["saved_model.pb"]


def test_the_first_pulled_folder_and_the_cache_take_the_room_once_and_the_times_of_files_stay(
    distant: DistantStore,
) -> None:
    registry = with_cache(distant)
    registry.pull("fraud", "first")
    pulled = Path("first/saved_model.pb")
    entry = kept()[sha256_of(FILES["saved_model.pb"])]
    os.utime(pulled, (1000, 1000))
    before = pulled.stat().st_mtime_ns
    registry.pull("fraud", "second")
    assert pulled.stat().st_mtime_ns == before
    assert not Path("second/saved_model.pb").samefile(entry)
    if entry.stat().st_nlink > 1:  # not where blocks can be shared instead
        assert pulled.samefile(entry)
        assert entry.stat().st_atime > 1000


def test_a_file_that_an_interrupted_pull_left_is_not_taken_for_another_than_the_entry(tmp_path: Path) -> None:
    """It is the same file as the entry, if that is a hard link; to write to it would empty both."""
    cache, data = FileCache(tmp_path, 10**6), b"model" * 100
    Path("left").write_bytes(data)
    assert cache.keep(Path("left"), file_of(data))
    assert cache.take(file_of(data), Path("left"), lambda _: None)
    assert Path("left").read_bytes() == cache.place(sha256_of(data)).read_bytes() == data


def test_a_file_that_is_wrong_in_the_registry_is_not_kept(distant: DistantStore, tmp_path: Path) -> None:
    (stored,) = (tmp_path / "distant").rglob("saved_model.pb")
    stored.write_bytes(b"x" * stored.stat().st_size)
    with pytest.raises(IntegrityError):
        with_cache(distant).pull("fraud", "out")
    assert sha256_of(FILES["saved_model.pb"]) not in kept()
    assert not Path("out").exists()


def test_the_cache_stays_within_its_bound_and_drops_what_was_not_used_for_longest(tmp_path: Path) -> None:
    cache, inventory = FileCache(tmp_path, 10_000), Inventory(tmp_path)
    source = Path("source")
    files = [file_of(bytes([number]) * 1000) for number in range(12)]
    for age, file in enumerate(files):
        source.unlink(missing_ok=True)
        source.write_bytes(bytes([age]) * 1000)
        cache.keep(source, file)
        os.utime(cache.place(file.sha256), (1000 + age, 1000 + age))
    assert cache.take(files[0], Path("target"), lambda _: None)  # used now
    inventory.bound(10_000)
    assert [cache.place(file.sha256).exists() for file in files] == [True, *[False] * 3, *[True] * 8]
    source.unlink()
    source.write_bytes(b"y" * 10_001)
    cache.keep(source, file_of(b"y" * 10_001))
    assert inventory.size() == 9_000


def test_what_cannot_be_kept_is_no_reason_to_fail(
    distant: DistantStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_bytes(b"a file where the cache's folder should be")
    monkeypatch.setenv("MODELREG_CACHE", str(occupied))
    with_cache(distant).pull("fraud", "out")
    assert read_files(Path("out")) == FILES


@pytest.mark.skipif(os.name == "nt", reason="mounts a file system of its own")
def test_a_full_disk_leaves_no_half_a_file_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    # A copy is made from one file system to another.
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this user cannot mount a file system")
    try:
        cache = FileCache(disk, 10**9)
        source = Path("source")
        for size in (1_000_000, 1_500_000):  # the second does not fit; of a cache of its own, the spare part is kept
            data = os.urandom(size)
            source.write_bytes(data)
            cache.keep(source, file_of(data))
        assert [path.stat().st_size for path in disk.rglob("*") if path.is_file()] == [1_000_000]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_file_system_that_can_share_blocks_does(tmp_path: Path) -> None:
    """On XFS a kept file takes no room of its own until it is written to."""
    image, disk = tmp_path / "image", tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mkfs.xfs") is None:
        pytest.skip("mkfs.xfs is not here: install xfsprogs")
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, disk], capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a file system")
    try:
        data = os.urandom(32 << 20)
        (disk / "source").write_bytes(data)
        os.sync()
        free = shutil.disk_usage(disk).free
        cache = FileCache(disk / "cache", 10**9)
        cache.keep(disk / "source", file_of(data))
        assert cache.take(file_of(data), disk / "target", lambda _: None)
        os.sync()
        assert free - shutil.disk_usage(disk).free < 1 << 20
        with (disk / "target").open("r+b") as file:
            file.write(b"edited")
        assert cache.place(sha256_of(data)).read_bytes() == data
    finally:
        subprocess.run(["umount", disk], check=True)


KEEP = """
import sys
from pathlib import Path
from modelreg.cache.files import FileCache
from modelreg.digest import sha256_of
from modelreg.records import File
source = Path(sys.argv[2])
data = source.read_bytes()
file = File("model.bin", len(data), sha256_of(data))
cache = FileCache(Path(sys.argv[1]), 10**9)
print("ready", flush=True)
while True:
    cache.keep(source, file)
    cache.place(file.sha256).unlink(missing_ok=True)
"""


def test_a_process_that_is_killed_leaves_nothing_that_looks_complete(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir():
        pytest.skip("there is no second file system, so nothing would be copied")
    source, folder = shared / f"modelreg-{os.getpid()}", tmp_path / "cache"
    request.addfinalizer(source.unlink)
    data = os.urandom(30_000_000)
    source.write_bytes(data)
    for attempt in range(8):
        command = [sys.executable, "-c", KEEP, str(folder), str(source)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.005 * (attempt % 6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for path in (folder / "files").rglob("*"):
            assert path.is_dir() or path.read_bytes() == data
    left = list((folder / "tmp").iterdir())
    assert left  # a copy was under way when one of them was killed
    for path in left:
        os.utime(path, (1000, 1000))
    Inventory(folder).bound(10**9)
    assert list((folder / "tmp").iterdir()) == []


PULL = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_cache import DistantStore, with_cache
for turn in range(2):
    with_cache(DistantStore(Path(sys.argv[2]))).pull("fraud", f"{sys.argv[3]}-{turn}")
"""


def test_processes_that_pull_and_prune_at_once_do_not_disturb_one_another(
    distant: DistantStore, tmp_path: Path
) -> None:
    tests = str(Path(__file__).parent)
    pulling = [
        subprocess.Popen([sys.executable, "-c", PULL, tests, str(tmp_path / "distant"), f"out-{number}"])
        for number in range(3)
    ]
    inventory = LocalCache.open().inventory
    while any(process.poll() is None for process in pulling):
        inventory.prune(apply=True)
    assert [process.returncode for process in pulling] == [0] * 3
    for number in range(3):
        for turn in range(2):
            assert read_files(Path(f"out-{number}-{turn}")) == FILES


# Offline


def test_offline_a_pulled_version_is_pulled_from_the_cache_alone(distant: DistantStore) -> None:
    with_cache(distant).set_alias("fraud:1", "production")
    with_cache(distant).pull("fraud@production", "first")
    distant.fetched.clear()
    offline = with_cache(distant, offline=True)
    for number, reference in enumerate(("fraud", "fraud:1", "fraud@production", "fraud@latest")):
        assert read_files(offline.pull(reference, f"out-{number}").folder) == FILES
    assert distant.fetched == []
    assert offline.show("fraud:1").version.aliases == ("production",)
    assert offline.last_seen is not None
    assert with_cache(distant).last_seen is None


def test_offline_latest_and_aliases_are_as_they_were_last_seen(
    distant: DistantStore, saved_model: Path, captured: Capture
) -> None:
    online = with_cache(distant)
    online.set_alias("fraud:1", "production")
    online.pull("fraud:1", "first")
    Path("saved_model/more").write_bytes(b"more")
    Registry(distant).register(saved_model, "fraud", capture=captured, aliases=["production"])
    offline = with_cache(distant, offline=True)
    assert offline.resolve("fraud").number == 1
    assert offline.resolve("fraud@production").number == 1
    with pytest.raises(StoreError, match="the cache does not hold models/fraud/versions/00000002"):
        offline.resolve("fraud:2")
    with pytest.raises(NotFoundError, match="fraud has no alias staging"):
        offline.resolve("fraud@staging")
    online.resolve("fraud")  # now it was seen, but not pulled
    assert offline.resolve("fraud@production").number == 2
    with pytest.raises(StoreError, match="MODELREG_OFFLINE is set, and the cache does not hold") as raised:
        offline.pull("fraud", "second")
    assert raised.value.exit_code == 8
    assert not Path("second").exists()


def test_offline_nothing_is_asked_that_was_not_seen_and_nothing_is_written(
    distant: DistantStore, saved_model: Path, captured: Capture
) -> None:
    offline = with_cache(distant, offline=True)
    for asked in (lambda: offline.resolve("fraud"), offline.models, lambda: offline.show("fraud:1")):
        with pytest.raises(StoreError, match="the cache does not hold"):
            asked()
    with_cache(distant).pull("fraud", "first")
    with pytest.raises(StoreError, match="cannot be written to; unset it"):
        offline.register(saved_model, "fraud", capture=captured)
    with pytest.raises(StoreError, match="cannot be written to; unset it"):
        offline.set_alias("fraud:1", "production")


@pytest.fixture
def many(distant: DistantStore, saved_model: Path, captured: Capture) -> DistantStore:
    """The same with more versions than are read without the records that are kept: fraud:1 to fraud:25."""
    for _ in range(24):
        Registry(distant).register(saved_model, "fraud", capture=captured)
    return distant


@pytest.mark.parametrize("number", [1, 13, 25])
def test_offline_a_version_that_was_pulled_by_its_digest_is_pulled_by_it_again(many: DistantStore, number: int) -> None:
    digest = Registry(many).resolve(f"fraud:{number}").digest
    assert len(with_cache(many).versions("fraud")) == 25  # from now on their records are in the cache, to be listed
    reference = f"fraud@{digest}"
    with_cache(many).pull(reference, "first")
    offline = with_cache(many, offline=True)
    assert read_files(offline.pull(reference, "second").folder) == FILES
    assert offline.resolve(f"fraud:{number}").digest == digest
    with pytest.raises(StoreError, match="the cache does not hold"):
        offline.resolve(f"fraud@sha256:{'0' * 64}")  # nobody knows: most versions were not seen


def test_offline_an_environment_that_does_not_fit_is_told_where_earlier_versions_were_never_seen(
    many: DistantStore, captured: Capture
) -> None:
    with_cache(many).pull("fraud:13", "first")
    packages = captured.environment.packages[:-1]
    lacking = captured._replace(environment=captured.environment._replace(packages=packages))
    report = with_cache(many, offline=True).verify_env("fraud:13", environment=lacking)
    assert not report.fits
    assert {finding.since for finding in report.findings} == {None}
    online = with_cache(many).verify_env("fraud:13", environment=lacking)
    assert "fraud:1 of " in str(online.findings[0].since)
    assert [finding._replace(since=None) for finding in online.findings] == list(report.findings)


def test_offline_a_damaged_file_is_not_handed_out(distant: DistantStore) -> None:
    with_cache(distant).pull("fraud", "first")
    path = kept()[sha256_of(FILES["saved_model.pb"])]
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(StoreError, match=r"does not hold .*saved_model\.pb"):
        with_cache(distant, offline=True).pull("fraud", "out")
    assert not Path("out").exists()


def test_offline_a_damaged_record_is_one_that_is_not_there(distant: DistantStore) -> None:
    with_cache(distant).pull("fraud", "first")
    for path in (LocalCache.open().folder / "records").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match=r"the cache does not hold modelreg\.json"):
        with_cache(distant, offline=True).pull("fraud", "out")


def test_a_registry_in_a_folder_has_no_cache_and_is_read_offline_as_ever(
    tmp_path: Path, saved_model: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELREG_OFFLINE", "1")
    registry = Registry.open(str(tmp_path / "registry"))
    registry.register(saved_model, "fraud", capture=captured)
    registry.pull("fraud", "out")
    assert kept() == {}
    assert registry.last_seen is None


# The command line, on a bucket


@pytest.fixture
def pulled(s3_url: str, model: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch, quick: Run) -> str:
    """The URL of a registry in S3 of which fraud:1 was pulled."""
    Registry.open(s3_url).register(model, "fraud", capture=captured, aliases=["production"])
    assert quick("pull", "fraud@production", "-o", "first", "--registry", s3_url).code == 0
    return s3_url


def test_a_bucket_is_not_asked_for_a_file_that_is_in_the_cache(
    pulled: str, ministack: Server, quick: Run, model: Path
) -> None:
    with faulty(ministack.port) as proxy:
        done = quick("pull", "fraud:1", "-o", "second", "--registry", pulled, AWS_ENDPOINT_URL_S3=proxy.endpoint)
        assert done.code == 0
        assert not [line for line in proxy.requests if "model.pkl" in line]
        proxy.requests.clear()
        third = ("pull", "fraud:1", "-o", "third", "--no-cache", "--registry", pulled)
        assert quick(*third, AWS_ENDPOINT_URL_S3=proxy.endpoint).code == 0
        assert [line for line in proxy.requests if "model.pkl" in line]
    assert Path("second/model.pkl").read_bytes() == Path("third/model.pkl").read_bytes() == model.read_bytes()


def test_offline_the_command_says_as_of_when_it_answers_and_asks_nobody(pulled: str, run: Run, model: Path) -> None:
    nobody = {"MODELREG_OFFLINE": "1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}
    done = run("pull", "fraud@production", "-o", "second", "--registry", pulled, **nobody)
    assert (done.code, done.out) == (0, "second\n")
    assert "Offline: fraud@production as the registry was last seen, on 20" in done.err
    assert Path("second/model.pkl").read_bytes() == model.read_bytes()
    shown = run("show", "fraud", "--json", "--registry", pulled, **nobody)
    assert json.loads(shown.out)["model"] == "fraud"
    refused = run("list", "--registry", pulled, **nobody)
    assert refused.code == 8
    assert "MODELREG_OFFLINE is set, and the cache does not hold" in refused.err
    contrary = run("pull", "fraud", "--no-cache", "--registry", pulled, **nobody)
    assert contrary.code == 2


UNREACHABLE = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}


def test_a_version_that_was_seen_is_answered_from_the_cache_where_the_bucket_cannot_be_reached(
    pulled: str, run: Run, model: Path, captured: Capture
) -> None:
    digest = Registry.open(pulled).resolve("fraud:1").digest  # of one that this machine has seen
    for number, reference in enumerate(("fraud:1", f"fraud@{digest}")):
        done = run("pull", reference, "-o", f"out-{number}", "--registry", pulled, **UNREACHABLE)
        assert (done.code, done.out) == (0, f"out-{number}\n"), done.err
        assert f"warning: {pulled} cannot be reached" in done.err
        assert f"Offline: {reference} as the registry was last seen, on 20" in done.err
        assert Path(f"out-{number}", "model.pkl").read_bytes() == model.read_bytes()
    assert json.loads(run("show", "fraud:1", "--json", "--registry", pulled, **UNREACHABLE).out)["version"] == 1
    for command in (
        ["export", "fraud:1", "--allow-missing"],
        ["diff", "fraud:1", "fraud:1"],
    ):
        done = run(*command, "--registry", pulled, **UNREACHABLE)
        assert done.code in (0, 3), done.err
        assert "as the registry was last seen" in done.err


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("pull", "fraud:1", "--no-cache"), "check the network, and try again"),
        (
            ("pull", "fraud@production"),
            "fraud@production may be another version by now: name one by its number, or set",
        ),
        (("show", "fraud"), "MODELREG_OFFLINE=1"),
        (("verify-env", "fraud:latest"), "MODELREG_OFFLINE=1"),
        (("verify-env", "fraud:1"), "MODELREG_OFFLINE=1 checks against what was last seen of it"),
        (("diff", "fraud:1", "fraud"), "MODELREG_OFFLINE=1"),
        (("pull", "fraud:2"), "the cache of this machine does not hold fraud:2 either"),
        (("show", f"fraud@sha256:{'0' * 64}"), "when last seen, no version of fraud has the digest"),
        (("pull", "churn:1"), "the cache of this machine does not hold churn:1 either"),
        (("list",), "check the network, and try again"),
        (("history", "fraud"), "check the network, and try again"),
        (("annotate", "fraud:1", "--tag", "a=b"), "check the network, and try again"),
        (("alias", "set", "fraud:1", "production"), "check the network, and try again"),
        (("register", "model.pkl", "fraud"), "check the network, and try again"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_only_the_bucket_can_answer_exits_8_and_says_what_to_do(
    pulled: str, s3_url: str, model: Path, captured: Capture, run: Run, command: tuple[str, ...], says: str
) -> None:
    Registry.open(s3_url).register(model, "fraud", capture=captured)  # fraud:2, which this machine has not seen
    shutil.rmtree(LocalCache.open().folder / "listed", ignore_errors=True)
    done = run(*command, "--registry", pulled, **UNREACHABLE)
    assert (done.code, done.out) == (8, ""), done.err
    assert f"error: {pulled} cannot be reached" in done.err
    assert says in done.err
    assert len(done.err.splitlines()) <= 3


def test_offline_every_command_that_answers_says_as_of_when(pulled: str, run: Run, tmp_path: Path) -> None:
    nobody = {"MODELREG_OFFLINE": "1", **UNREACHABLE}
    commands = (
        ("diff", "fraud:1", "fraud@production"),
        ("export", "fraud", "--allow-missing"),
        ("image", "show", "fraud:1"),
        ("alias", "list", "fraud"),
        ("history", "fraud"),
        ("copy", "fraud:1", str(tmp_path / "elsewhere")),
    )
    for command in commands:
        done = run(*command, "--registry", pulled, **nobody)
        assert done.code == 0, (command, done.err)
        assert "as the registry was last seen, on 20" in done.err, command


def test_the_cache_is_listed_and_pruned(pulled: str, quick: Run, model: Path) -> None:
    folder = quick("cache", "dir").out.strip()
    assert folder == str(LocalCache.open().folder)
    assert json.loads(quick("cache", "dir", "--json").out) == {"folder": folder}
    listed = quick("cache", "list")
    assert "fraud:1" in listed.out
    assert "1 of 1" in listed.out
    assert folder in listed.err
    (one,) = json.loads(quick("cache", "list", "--json").out)["versions"]
    assert (one["registry"], one["reference"], one["kept_size"]) == (pulled, "fraud:1", model.stat().st_size)
    assert quick("cache", "list", "-q").out == "fraud:1\n"
    assert "Nothing to remove." in quick("cache", "prune", "--unused-for", "1h", "--apply").err
    assert "Nothing to remove." in quick("cache", "prune", "--to", "1GB", "--apply").err
    assert "would remove" in quick("cache", "prune").err
    assert quick("cache", "list", "-q").out == "fraud:1\n"
    assert json.loads(quick("cache", "prune", "--apply", "--json").out)["left"] == 0
    assert quick("cache", "list", "-q").out == ""
    assert kept() == {}


def test_pruning_removes_environments_and_layers_too_and_the_bound_leaves_them(tmp_path: Path) -> None:
    folder = LocalCache.open().folder
    made = {"environments/abc/bin/python": b"x" * 300, "layers/1/a.json.gz": b"x" * 200, "files/ab/ab": b"x" * 100}
    write_files(folder, made)
    inventory = LocalCache.open().inventory
    assert inventory.size() == 100
    inventory.bound(50)
    assert kept_below(folder) == {"environments/abc/bin/python", "layers/1/a.json.gz"}
    assert inventory.prune(apply=False).size == 500
    assert inventory.prune(unused_for=timedelta(hours=1), apply=True).files == 0
    assert (inventory.prune(apply=True).files, kept_below(folder)) == (2, set())


def kept_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_cache_lies_and_is_bounded_where_the_settings_say(pulled: str, quick: Run, tmp_path: Path) -> None:
    own = tmp_path / "own cache"
    for size, count in (("0", 0), ("1kB", 0), ("1 MB", 1)):
        done = quick(
            *("pull", "fraud", "-o", f"out {size}", "--registry", pulled),
            MODELREG_CACHE=str(own),
            MODELREG_CACHE_SIZE=size,
        )
        assert done.code == 0
        assert len([path for path in (own / "files").rglob("*") if path.is_file()]) == count
    assert quick("pull", "fraud", "--registry", pulled, MODELREG_CACHE_SIZE="much").code == 2


def test_no_cache_and_offline_contradict_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELREG_OFFLINE", "1")
    with pytest.raises(UsageError, match="nothing but the cache"):
        Registry.open("s3://bucket/folder", cache=False)


def test_a_version_is_copied_out_of_the_cache(distant: DistantStore, tmp_path: Path) -> None:
    with_cache(distant).pull("fraud", "first")
    other = Registry.open(str(tmp_path / "other"))
    with_cache(distant, offline=True).copy("fraud:1", other)
    assert read_files(other.pull("fraud", "second").folder) == FILES


def test_files_that_two_versions_share_are_kept_once(distant: DistantStore, captured: Capture, quick: Run) -> None:
    folder = write_files(Path("again"), {**FILES, "more": b"more"})
    Registry(distant).register(folder, "fraud", capture=captured)
    with_cache(distant).pull("fraud:1", "first")
    with_cache(distant).pull("fraud:2", "second")
    assert sorted(quick("cache", "list", "-q").out.split()) == ["fraud:1", "fraud:2"]
    assert len(kept()) == len(FILES) + 1
