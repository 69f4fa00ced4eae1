"""What is GCS's own: preconditions, parts that are joined, errors, and what killed writers leave."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bucket_servers import BUCKET, Server
from conftest import Run
from fault_proxy import Fault, FaultProxy, faulty

from modelreg import Capture, Registry
from modelreg.digest import CHUNK, sha256_of
from modelreg.errors import AccessDeniedError, KeyExistsError, ModelregError, StoreError
from modelreg.store import Store, gcs_transfer, open_store
from modelreg.store.bucket import PART

LARGE = 2 * PART + 3 * CHUNK + 17
"""Three parts, the last one short."""


@pytest.fixture
def gcs(gcs_url: str) -> Store:
    return open_store(gcs_url)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "large.bin"
    path.write_bytes(os.urandom(LARGE))
    return path


def through(proxy: FaultProxy, url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return the store as it is reached through a proxy."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
    return open_store(url)


def staged(url: str) -> list[str]:
    """Return what lies in the staging folder, which a store of the registry itself does not show."""
    prefix = f"{url.removeprefix(f'gs://{BUCKET}/')}/{gcs_transfer.STAGING}"
    return [entry.key for entry in open_store(f"gs://{BUCKET}").entries(prefix)]


# Files in parts


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART, LARGE], ids=str)
def test_a_file_of_any_size_around_a_part_comes_back(gcs: Store, gcs_url: str, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    told: list[int] = []
    assert gcs.upload("models/a", tmp_path / "file", told.append) == (size, sha256_of(data))
    assert sum(told) == size
    pieces = list(gcs.stream("models/a"))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= CHUNK
    assert [entry.key for entry in gcs.entries("")] == ["models/a"]
    assert staged(gcs_url) == []


def test_more_parts_than_gcs_joins_at_once_are_joined_in_steps(
    gcs: Store, gcs_url: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gcs_transfer, "part_size", lambda source, most: CHUNK // 4)
    monkeypatch.setattr(gcs_transfer, "_JOINED", 4)
    assert gcs.upload("models/a", large).size == LARGE
    assert b"".join(gcs.stream("models/a")) == large.read_bytes()
    assert staged(gcs_url) == []


def test_an_upload_that_is_broken_off_leaves_no_parts(gcs: Store, gcs_url: str, large: Path) -> None:
    told: list[int] = []

    def break_off(size: int) -> None:
        told.append(size)
        if len(told) > 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gcs.upload("models/a", large, break_off)
    assert staged(gcs_url) == []
    assert list(gcs.entries("")) == []


def test_what_killed_writers_left_is_swept_once_it_is_old(gcs: Store, gcs_url: str) -> None:
    gcs.create(f"{gcs_transfer.STAGING}models/fraud/artifacts/u/weights/000001", b"12345")
    now = datetime.now(UTC)
    assert list(gcs.entries("")) == []
    assert gcs.sweep(now - timedelta(hours=1), apply=True) == 0
    assert gcs.sweep(now + timedelta(hours=1), apply=False) == 5
    assert len(staged(gcs_url)) == 1
    assert gcs.sweep(now + timedelta(hours=1), apply=True) == 5
    assert staged(gcs_url) == []


# Answers that are lost, break off or are false


def test_a_creation_whose_answer_was_lost_is_told_as_taken(
    fake_gcs: Server, gcs_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(fake_gcs.port, Fault(rb"^POST", "drop", times=1)) as proxy:
        store = through(proxy, gcs_url, monkeypatch)
        with pytest.raises(KeyExistsError):
            store.create("models/a", b"mine")
        assert store.read("models/a", 10) == b"mine"


def test_a_download_that_breaks_off_goes_on(
    fake_gcs: Server, gcs_url: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(fake_gcs.port, Fault(rb"^GET \S+alt=media", "cut", after=CHUNK, times=2)) as proxy:
        store = through(proxy, gcs_url, monkeypatch)
        store.upload("models/a", large)
        assert b"".join(store.stream("models/a")) == large.read_bytes()
        assert proxy.faults[0].fired == 2


def test_a_bit_flipped_on_the_way_down_is_noticed(
    fake_gcs: Server, gcs_url: str, large: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Registry.open(gcs_url).register(large, "fraud", capture=captured)
    with faulty(fake_gcs.port, Fault(rb"^GET \S+large\.bin\S*alt=media", "flip", after=4 * CHUNK)) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        with pytest.raises(ModelregError, match=r"large\.bin has other bytes") as noticed:
            Registry.open(gcs_url).pull("fraud:1", "out")
        assert proxy.faults[0].fired
    assert noticed.value.exit_code == 6
    assert not Path("out").exists()


def test_one_answer_in_ten_lost_after_the_write_makes_no_ghost_and_no_gap(
    fake_gcs: Server, gcs_url: str, model: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged = {}
    with faulty(fake_gcs.port, Fault(rb"^POST", "drop", every=10)) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        registry = Registry.open(gcs_url)
        for turn in range(30):
            registered = registry.register(model, "fraud", capture=captured, tags={"turn": str(turn)})
            acknowledged[registered.version.number] = str(turn)
        versions = registry.versions("fraud")
        assert proxy.faults[0].fired >= 3
    assert acknowledged == {number: str(number - 1) for number in range(1, 31)}
    assert {version.number: version.tags["turn"] for version in versions} == acknowledged


# Extras and errors

ANSWERS = {
    "unknown credentials": (401, AccessDeniedError, "credentials"),
    "denied": (403, AccessDeniedError, r"no permission to write gs://\S+/models/a; ask"),
    "anything else": (400, StoreError, r"did not write models/a: .* \(400\); try again"),
}


@pytest.mark.parametrize(("status", "error", "says"), ANSWERS.values(), ids=ANSWERS.keys())
def test_each_refusal_is_a_sentence_of_its_own(
    fake_gcs: Server, gcs_url: str, monkeypatch: pytest.MonkeyPatch, status: int, error: type[ModelregError], says: str
) -> None:
    with (
        faulty(fake_gcs.port, Fault(rb"^POST", "refuse", status=status)) as proxy,
        pytest.raises(error, match=says) as refused,
    ):
        through(proxy, gcs_url, monkeypatch).create("models/a", b"x")
    assert refused.value.exit_code in (7, 8)


def test_a_service_that_stays_busy_or_away_is_an_error_in_the_end(
    fake_gcs: Server, gcs_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelreg.store import gcs_client

    monkeypatch.setattr(gcs_client, "RETRY_FOR", 1.0)
    with faulty(fake_gcs.port, Fault(rb"^(POST|GET)", "refuse", status=503)) as proxy:
        store = through(proxy, gcs_url, monkeypatch)
        with pytest.raises(StoreError, match=r"\(503\); try again"):
            store.create("models/a", b"x")
    with pytest.raises(StoreError, match="cannot be reached"):  # the proxy has gone
        store.clock()


def test_a_bucket_that_is_not_there_is_said_before_anything_is_written(gcs_url: str, run: Run, model: Path) -> None:
    ran = run("register", str(model), "fraud", MODELREG_REGISTRY="gs://not-there/registry")
    assert (ran.code, ran.out) == (8, "")
    assert "there is no bucket not-there; make it" in ran.err


def test_without_credentials_the_sentence_says_how_to_sign_in(run: Run) -> None:
    ran = run("list", MODELREG_REGISTRY="gs://bucket/x", NO_GCE_CHECK="true")
    assert ran.code == 7
    assert "no credentials for gs://bucket/x" in ran.err
    assert "gcloud auth application-default login" in ran.err


def test_without_the_extra_a_sentence_names_it(tmp_path: Path, run: Run) -> None:
    (tmp_path / "without" / "google").mkdir(parents=True)
    (tmp_path / "without" / "google" / "__init__.py").write_text("")
    ran = run("list", MODELREG_REGISTRY="gs://bucket/x", PYTHONPATH=str(tmp_path / "without"))
    assert ran.code == 2
    assert "gs://bucket/x needs google" in ran.err
    assert "modelreg[gcs]" in ran.err
