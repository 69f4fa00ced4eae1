"""Many records: read several at once, and, from the second time on, only those that are new there."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_proxy import faulty
from hand_made import put_deletion, put_moves
from memory_store import MemoryStore

from modelreg import Capture, IntegrityError, Registry
from modelreg.digest import sha256_of
from modelreg.records import new_op
from modelreg.registry.model import MANY
from modelreg.search import Query
from modelreg.store import Entry, Store, open_store
from modelreg.store.local import LocalStore

SOME = 30


class Bucket(MemoryStore):
    """A store whose listings carry tags, as a bucket's do; `reads` holds the keys that were read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    @property
    def parallel(self) -> int:
        return 4

    def read(self, key: str, limit: int) -> bytes:
        self.reads.append(key)
        return super().read(key, limit)

    def entries(self, prefix: str) -> Iterator[Entry]:
        for entry in super().entries(prefix):
            yield entry._replace(tag=sha256_of(self.content[entry.key])[:8])


def fill(store: Store, model: Path, captured: Capture) -> None:
    """Register fraud:1, and write the records of SOME versions like it."""
    registry = Registry(store)
    record = registry.register(model, "fraud", capture=captured, metrics={"auc": "0.5"}).version.record
    for number in range(2, SOME + 1):
        metrics = {"auc": f"0.{number:03d}"}
        data = record._replace(version=number, op=new_op(), metrics=metrics).to_bytes()
        store.create(f"models/fraud/versions/{number:08d}.json", data)
    put_deletion(store, 7, "deleted")
    put_moves(store, "production", 3, 5)
    registry.annotate("fraud:2", tags={"team": "risk"})


@pytest.fixture
def bucket(model: Path, captured: Capture) -> Bucket:
    store = Bucket()
    fill(store, model, captured)
    store.reads.clear()
    return store


@pytest.fixture
def kept(tmp_path: Path, bucket: Bucket) -> Path:
    """What is kept of the bucket after it was listed once."""
    Registry(bucket).versions("fraud")
    bucket.reads.clear()
    (file,) = (tmp_path / "home").rglob("*.sqlite")
    return file


def records_read(bucket: Bucket) -> list[str]:
    return sorted(key.removeprefix("models/fraud/") for key in bucket.reads if key != "modelreg.json")


def test_what_was_read_once_is_not_read_again(bucket: Bucket) -> None:
    first = Registry(bucket).versions("fraud")
    assert len(records_read(bucket)) == SOME + 1 + 2 + 1  # versions, the deletion, the moves, the annotation
    bucket.reads.clear()
    assert Registry(bucket).versions("fraud") == first
    best = Registry(bucket).find(Query(sort="metric:auc", limit=1), "fraud")
    assert [version.reference for version in best] == ["fraud:1"]
    assert len(Registry(bucket).history("fraud")) == SOME + 4
    assert records_read(bucket) == []
    assert [version.number for version in first] == [*range(SOME, 7, -1), *range(6, 0, -1)]
    assert first[-2].tags == {"team": "risk"}
    assert [version.aliases for version in first if version.aliases] == [("production",)]


def test_what_is_new_is_read_and_nothing_else(bucket: Bucket, kept: Path) -> None:
    Registry(bucket).annotate("fraud:9", tags={"team": "fraud"})
    put_moves(bucket, "staging", 9)
    bucket.reads.clear()
    (version,) = [one for one in Registry(bucket).versions("fraud") if one.number == 9]
    assert (version.tags, version.aliases) == ({"team": "fraud"}, ("staging",))
    assert records_read(bucket) == ["aliases/staging/00000001.json", "annotations/00000009/00000001.json"]


def test_a_record_that_is_another_one_by_now_is_read_anew(bucket: Bucket, kept: Path) -> None:
    key = f"models/fraud/versions/{SOME:08d}.json"
    record = Registry(bucket).resolve(f"fraud:{SOME}").record
    bucket.content[key] = record._replace(op=new_op(), metrics={"auc": "0.999"}).to_bytes()
    bucket.reads.clear()
    assert Registry(bucket).versions("fraud")[0].metrics == {"auc": "0.999"}
    assert records_read(bucket) == [f"versions/{SOME:08d}.json"]
    bucket.content[key] = bucket.content[key].replace(b"0.999", b"0.998")
    with pytest.raises(IntegrityError, match="check does not agree"):
        Registry(bucket).versions("fraud")
    bucket.delete(key)
    assert Registry(bucket).versions("fraud")[0].number == SOME - 1


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a byte of a record": lambda data: data.replace(b'"auc":"0.012"', b'"auc":"0.912"'),
    "the first half": lambda data: data[: len(data) // 2],
    "another file": lambda _: b"not a database" * 1000,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
def test_what_is_kept_is_verified_and_where_it_is_damaged_read_anew(
    bucket: Bucket, kept: Path, damage: Callable[[bytes], bytes]
) -> None:
    right = Registry(bucket).versions("fraud")
    data = kept.read_bytes()
    kept.write_bytes(damage(data))
    assert kept.read_bytes() != data
    for _ in range(3):
        bucket.reads.clear()
        assert Registry(bucket).versions("fraud") == right
    assert records_read(bucket) == []


def test_where_nothing_can_be_kept_everything_is_read_each_time(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"no folder")
    for _ in range(2):
        bucket.reads.clear()
        assert len(Registry(bucket).versions("fraud")) == SOME - 1
        assert len(records_read(bucket)) > SOME


def test_of_a_folder_with_many_versions_a_second_listing_reads_no_record_either(
    model: Path, captured: Capture, tmp_path: Path
) -> None:
    class Folder(LocalStore):
        reads = 0

        def read(self, key: str, limit: int) -> bytes:
            self.reads += 1
            return super().read(key, limit)

    store = Folder(tmp_path / "registry")
    record = Registry(store).register(model, "fraud", capture=captured).version.record
    versions = tmp_path / "registry" / "models" / "fraud" / "versions"
    for number in range(2, MANY + 2):
        (versions / f"{number:08d}.json").write_bytes(record._replace(version=number, op=new_op()).to_bytes())
    first = Registry(store).versions("fraud")
    store.reads = 0
    assert Registry(store).versions("fraud") == first
    assert store.reads < 5
    file = versions / "00000007.json"
    status, data = file.stat(), file.read_bytes()
    file.write_bytes(data.replace(b'"anna"', b'"anne"'))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(IntegrityError, match="check does not agree"):
        Registry(store).versions("fraud")


def test_another_registry_at_another_place_is_kept_apart(bucket: Bucket, kept: Path, model: Path) -> None:
    class Elsewhere(Bucket):
        url = "memory://elsewhere"

    other = Elsewhere()
    other.content = dict(bucket.content)
    assert len(Registry(other).versions("fraud")) == SOME - 1
    assert len(records_read(other)) > SOME


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_of_a_real_bucket_a_second_listing_reads_no_record(
    kind: str, request: pytest.FixtureRequest, model: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(request.getfixturevalue(f"{kind}_url"))
    fill(open_store(url), model, captured)
    with faulty(request.getfixturevalue("ministack" if kind == "s3" else "fake_gcs").port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3" if kind == "s3" else "STORAGE_EMULATOR_HOST", proxy.endpoint)
        first = Registry.open(url).versions("fraud")
        asked = len(proxy.requests)
        assert asked > SOME
        assert Registry.open(url).versions("fraud") == first
        assert len(proxy.requests) - asked < 10
