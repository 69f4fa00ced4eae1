"""What is S3's own: conditional writes, parts and their checksums, pages, errors, and what killed writers leave."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bucket_servers
import pytest
from botocore.exceptions import IncompleteReadError
from bucket_servers import BUCKET, Server
from conftest import Run
from fault_proxy import Fault, FaultProxy, faulty

from modelreg import Capture, Registry
from modelreg.digest import CHUNK, sha256_of
from modelreg.errors import AccessDeniedError, KeyExistsError, ModelregError, StoreError, UsageError
from modelreg.store import Store, open_store
from modelreg.store.bucket import PART
from modelreg.store.s3_transfer import ATTEMPTS, Range

LARGE = 2 * PART + 3 * CHUNK + 17
"""Three parts, the last one short."""


@pytest.fixture
def s3(s3_url: str) -> Store:
    return open_store(s3_url)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "large.bin"
    path.write_bytes(os.urandom(LARGE))
    return path


def through(proxy: FaultProxy, url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return the store as it is reached through a proxy."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
    return open_store(url)


def unfinished(server: Server, url: str) -> list[str]:
    prefix = url.removeprefix(f"s3://{BUCKET}/")
    listed = bucket_servers.s3_client(server).list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)
    return [item["Key"] for item in listed.get("Uploads", [])]


# What travels


def test_over_plain_http_records_are_signed_whole_and_files_are_not_hashed_once_more(
    ministack: Server, s3_url: str, large: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's sha256 stands in a record, so what happened to it on the way is noticed when it is pulled."""
    unsigned = Fault(rb"(?is)^PUT .*x-amz-content-sha256: UNSIGNED-PAYLOAD", "cut", after=1 << 40)
    with faulty(ministack.port, unsigned) as proxy:
        store = through(proxy, s3_url, monkeypatch)
        store.upload("models/small", model)
        store.upload("models/large", large)
        assert unsigned.fired == 1 + 3
        store.create("models/record", b"{}")
        assert unsigned.fired == 1 + 3
        assert b"".join(store.stream("models/large")) == large.read_bytes()


def test_a_time_of_an_answer_is_read_as_boto3_reads_it() -> None:
    from botocore.utils import parse_timestamp

    from modelreg.store.s3_client import read_moment

    for text in (
        "2026-11-24T08:50:49.000Z",
        "2026-11-24T08:50:49Z",
        "Tue, 24 Nov 2026 08:50:49 GMT",
        "20261124T085049Z",
    ):
        assert read_moment(text) == datetime(2026, 11, 24, 8, 50, 49, tzinfo=UTC)
    for other in (1795510249, "Tue Nov 24 08:50:49 2026 GMT"):
        assert read_moment(other) == parse_timestamp(other)


# Files in parts


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART, LARGE], ids=str)
def test_a_file_of_any_size_around_a_part_comes_back(s3: Store, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    told: list[int] = []
    assert s3.upload("models/a", tmp_path / "file", told.append) == (size, sha256_of(data))
    assert sum(told) == size
    pieces = list(s3.stream("models/a"))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= CHUNK


def test_a_large_file_is_sent_and_fetched_in_parts_of_8_mib_with_checksums(
    ministack: Server, s3_url: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(ministack.port) as proxy:
        store = through(proxy, s3_url, monkeypatch)
        store.upload("models/a", large)
        assert len([line for line in proxy.requests if "partNumber=" in line]) == 3
        proxy.requests.clear()
        assert sum(map(len, store.stream("models/a"))) == LARGE
        assert len(proxy.requests) == 3
    key = f"{s3_url.removeprefix(f's3://{BUCKET}/')}/models/a"
    head = bucket_servers.s3_client(ministack).head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"].endswith("-3")


def test_an_upload_that_is_broken_off_leaves_no_parts(ministack: Server, s3_url: str, large: Path) -> None:
    def break_off(size: int) -> None:
        raise KeyboardInterrupt

    told: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        open_store(s3_url).upload(
            "models/a", large, lambda size: break_off(size) if len(told) > 12 else told.append(size)
        )
    assert unfinished(ministack, s3_url) == []
    assert list(open_store(s3_url).entries("")) == []


def test_what_killed_writers_left_is_swept_once_it_is_old(ministack: Server, s3_url: str, s3: Store) -> None:
    client = bucket_servers.s3_client(ministack)
    key = f"{s3_url.removeprefix(f's3://{BUCKET}/')}/models/fraud/artifacts/u/weights"
    made = client.create_multipart_upload(Bucket=BUCKET, Key=key)
    client.upload_part(Bucket=BUCKET, Key=key, UploadId=made["UploadId"], PartNumber=1, Body=b"12345")
    now = datetime.now(UTC)
    assert s3.sweep(now - timedelta(hours=1), apply=True) == 0
    assert s3.sweep(now + timedelta(hours=1), apply=False) == 5
    assert unfinished(ministack, s3_url) == [key]
    assert s3.sweep(now + timedelta(hours=1), apply=True) == 5
    assert unfinished(ministack, s3_url) == []


# Answers that are lost, break off or are false


def test_a_completion_whose_answer_was_lost_counts(
    ministack: Server, s3_url: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(ministack.port, Fault(rb"^POST \S+uploadId=", "drop", times=1)) as proxy:
        store = through(proxy, s3_url, monkeypatch)
        assert store.upload("models/a", large) == (LARGE, sha256_of(large.read_bytes()))
        assert proxy.faults[0].fired == 1
        assert b"".join(store.stream("models/a")) == large.read_bytes()


def test_a_completion_that_was_done_and_is_then_unknown_counts(
    ministack: Server, s3_url: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Fault(rb"^POST \S+uploadId=", "drop", times=1)
    unknown = Fault(rb"^POST \S+uploadId=", "refuse", status=404, code="NoSuchUpload")
    with faulty(ministack.port, lost, unknown) as proxy:
        store = through(proxy, s3_url, monkeypatch)
        store.upload("models/a", large)
        assert unknown.fired == 1
        assert b"".join(store.stream("models/a")) == large.read_bytes()


def test_a_completion_that_was_not_done_is_an_error(
    ministack: Server, s3_url: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = Fault(rb"^POST \S+uploadId=", "refuse", status=404, code="NoSuchUpload")
    with faulty(ministack.port, unknown) as proxy:
        store = through(proxy, s3_url, monkeypatch)
        with pytest.raises(StoreError, match="did not write models/a"):
            store.upload("models/a", large)
        assert list(store.entries("")) == []


def test_a_creation_whose_answer_was_lost_is_told_as_taken(
    ministack: Server, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK asks again by itself; that the bytes are one's own is for the protocol to find out."""
    with faulty(ministack.port, Fault(rb"^PUT", "drop", times=1)) as proxy:
        store = through(proxy, s3_url, monkeypatch)
        with pytest.raises(KeyExistsError):
            store.create("models/a", b"mine")
        assert store.read("models/a", 10) == b"mine"


def test_a_conflict_is_asked_again_and_then_succeeds(
    ministack: Server, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conflict = Fault(rb"^PUT", "refuse", times=3, status=409, code="ConditionalRequestConflict")
    with faulty(ministack.port, conflict) as proxy:
        through(proxy, s3_url, monkeypatch).create("models/a", b"x")
        assert conflict.fired == 3


def test_a_conflict_that_never_ends_is_an_error(
    ministack: Server, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        faulty(ministack.port, Fault(rb"^PUT", "refuse", status=409, code="ConditionalRequestConflict")) as proxy,
        pytest.raises(StoreError, match="written by others again and again"),
    ):
        through(proxy, s3_url, monkeypatch).create("models/a", b"x")


@pytest.mark.parametrize("after", [0, 700, CHUNK, 5 * CHUNK], ids=["at once", "early", "after a MiB", "later"])
def test_a_download_that_breaks_off_goes_on_where_it_was(
    ministack: Server, s3_url: str, large: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    with faulty(ministack.port, Fault(rb"^GET \S+/models/a", "cut", after=after, times=4)) as proxy:
        store = through(proxy, s3_url, monkeypatch)
        store.upload("models/a", large)
        assert b"".join(store.stream("models/a")) == large.read_bytes()
        assert proxy.faults[0].fired == 4


class Breaking:
    """A client, and the body of its answers, each of which breaks off after some bytes."""

    def __init__(self, data: bytes, after: int) -> None:
        self.asked = 0
        self._data = data
        self._after = after
        self._left = 0
        self._at = 0

    def get_object(self, **wanted: str) -> dict[str, object]:
        self.asked += 1
        self._left = self._after
        self._at = int(wanted["Range"].removeprefix("bytes=").partition("-")[0])
        return {"ContentRange": f"bytes 0-1/{len(self._data)}", "ETag": "tag", "Body": self}

    def read(self, size: int) -> bytes:
        if not self._left and self._at < len(self._data):
            raise IncompleteReadError(actual_bytes=self._after, expected_bytes=len(self._data))
        data = self._data[self._at : self._at + min(size, self._left)]
        self._at, self._left = self._at + len(data), self._left - len(data)
        return data

    def close(self) -> None:
        """Nothing is held."""


def test_a_range_that_breaks_off_again_and_again_goes_on_as_long_as_it_advances() -> None:
    data = os.urandom(8 * ATTEMPTS)
    flaky = Breaking(data, after=4)
    assert b"".join(Range(flaky, {}, 0, len(data), piece=4)) == data
    assert flaky.asked == 2 * ATTEMPTS
    with pytest.raises(IncompleteReadError):
        list(Range(Breaking(data, after=0), {}, 0, len(data), piece=4))


def test_a_download_that_always_breaks_off_is_an_error_of_the_store(
    ministack: Server, s3_url: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(ministack.port, Fault(rb"^GET \S+/models/a", "cut", after=CHUNK)) as proxy:
        store = through(proxy, s3_url, monkeypatch)
        store.upload("models/a", large)
        with pytest.raises(StoreError, match="cannot be reached"):
            list(store.stream("models/a"))


def test_a_bit_flipped_on_the_way_down_is_noticed(
    ministack: Server, s3_url: str, large: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Registry.open(s3_url).register(large, "fraud", capture=captured)
    with faulty(ministack.port, Fault(rb"^GET \S+large\.bin", "flip", after=4 * CHUNK)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        with pytest.raises(ModelregError, match=r"large\.bin has other bytes") as noticed:
            Registry.open(s3_url).pull("fraud:1", "out")
    assert noticed.value.exit_code == 6
    assert not Path("out").exists()


def test_one_answer_in_ten_lost_after_the_write_makes_no_ghost_and_no_gap(
    ministack: Server, s3_url: str, model: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged = {}
    with faulty(ministack.port, Fault(rb"^PUT", "drop", every=10)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        registry = Registry.open(s3_url)
        for turn in range(40):
            registered = registry.register(model, "fraud", capture=captured, tags={"turn": str(turn)})
            acknowledged[registered.version.number] = str(turn)
        versions = registry.versions("fraud")
        assert proxy.faults[0].fired >= 4
    assert acknowledged == {number: str(number - 1) for number in range(1, 41)}
    assert {version.number: version.tags["turn"] for version in versions} == acknowledged


# Listing


def test_a_listing_goes_on_past_1000_keys(ministack: Server, s3_url: str, s3: Store) -> None:
    client = bucket_servers.s3_client(ministack)
    prefix = s3_url.removeprefix(f"s3://{BUCKET}/")
    names = sorted(f"models/m{number:04d}/x" for number in range(1050))
    for name in names:
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=b"")
    assert [entry.key for entry in s3.entries("models/")] == names
    assert s3.folders("models/") == [name.split("/")[1] for name in names]


def test_a_folder_that_a_console_made_is_no_key(ministack: Server, s3_url: str, s3: Store) -> None:
    client = bucket_servers.s3_client(ministack)
    prefix = s3_url.removeprefix(f"s3://{BUCKET}/")
    for name in (f"{prefix}/", f"{prefix}/models/"):
        client.put_object(Bucket=BUCKET, Key=name, Body=b"")
    s3.create("models/a", b"x")
    assert [entry.key for entry in s3.entries("")] == ["models/a"]


def test_a_registry_whose_name_begins_another_s_sees_only_its_own_keys(s3_url: str) -> None:
    open_store(f"{s3_url}/team").create("models/a", b"x")
    open_store(f"{s3_url}/teams").create("models/b", b"x")
    assert [entry.key for entry in open_store(f"{s3_url}/team").entries("")] == ["models/a"]
    assert [entry.key for entry in open_store(f"{s3_url}/team/").entries("")] == ["models/a"]


# URLs, extras and errors


@pytest.mark.parametrize(
    "url",
    ["s3://", "s3:///x", "s3://a", "s3://user:secret@bucket/x", "s3://bucket/a//b", "s3://bucket/../x", "s3://b k/x"],
)
def test_a_url_that_could_be_mistaken_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"write s3://"):
        open_store(url)


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/", "s3://my.bucket-1/teams/fraud"])
def test_a_bucket_or_a_folder_in_one_is_a_registry_and_is_told_as_typed(url: str) -> None:
    assert open_store(url).url == url.rstrip("/")


ANSWERS = {
    "expired": (400, "ExpiredToken", AccessDeniedError, "have expired; sign in again"),
    "unknown key": (403, "InvalidAccessKeyId", AccessDeniedError, "does not accept these credentials"),
    "wrong secret": (403, "SignatureDoesNotMatch", AccessDeniedError, "does not accept these credentials"),
    "denied": (403, "AccessDenied", AccessDeniedError, r"no permission to write s3://\S+/models/a; ask"),
    "clock": (403, "RequestTimeTooSkewed", AccessDeniedError, "this machine's clock is wrong"),
    "no bucket": (404, "NoSuchBucket", StoreError, f"there is no bucket {BUCKET}; make it"),
    "region": (400, "IllegalLocationConstraintException", StoreError, "lies in another region; set AWS_REGION"),
    "full": (507, "InsufficientStorage", StoreError, "is full"),
    "no condition": (501, "NotImplemented", StoreError, "tells what a store must know"),
    "anything else": (400, "Whatever", StoreError, r"did not write models/a: m \(Whatever\); try again"),
}


@pytest.mark.parametrize(("status", "code", "error", "says"), ANSWERS.values(), ids=ANSWERS.keys())
def test_each_refusal_is_a_sentence_of_its_own(
    ministack: Server,
    s3_url: str,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    error: type[ModelregError],
    says: str,
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with (
        faulty(ministack.port, Fault(rb"^PUT", "refuse", status=status, code=code)) as proxy,
        pytest.raises(error, match=says) as refused,
    ):
        through(proxy, s3_url, monkeypatch).create("models/a", b"x")
    assert refused.value.exit_code in (7, 8)
    assert not isinstance(refused.value, KeyExistsError)


def test_where_the_bucket_lies_is_told_when_the_service_tells_it(
    ministack: Server, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = "<Region>eu-west-1</Region>"
    fault = Fault(rb"^GET", "refuse", status=400, code="AuthorizationHeaderMalformed", extra=elsewhere)
    with faulty(ministack.port, fault) as proxy:
        store = through(proxy, s3_url, monkeypatch)
        with pytest.raises(StoreError, match="lies in eu-west-1; set AWS_REGION=eu-west-1"):
            list(store.entries(""))


def test_a_bucket_that_is_not_there_is_said_before_anything_is_written(s3_url: str, run: Run, model: Path) -> None:
    ran = run("register", str(model), "fraud", MODELREG_REGISTRY="s3://not-there/registry")
    assert (ran.code, ran.out) == (8, "")
    assert "there is no bucket not-there; make it" in ran.err


def test_without_credentials_the_sentence_says_how_to_sign_in(s3_url: str, run: Run) -> None:
    ran = run("list", MODELREG_REGISTRY=s3_url, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert ran.code == 7
    assert "no credentials for s3://" in ran.err
    assert "aws configure" in ran.err


def test_a_profile_that_is_not_there_is_named(s3_url: str, run: Run) -> None:
    ran = run("list", MODELREG_REGISTRY=s3_url, AWS_PROFILE="nobody")
    assert ran.code == 7
    assert "nobody" in ran.err


def test_a_store_that_cannot_be_reached_is_exit_8(run: Run) -> None:
    (port,) = bucket_servers.free_ports(1)
    environ = bucket_servers.s3_environ(f"http://127.0.0.1:{port}")
    ran = run("list", MODELREG_REGISTRY="s3://bucket/x", AWS_MAX_ATTEMPTS="1", **environ)
    assert ran.code == 8
    assert "cannot be reached" in ran.err
    assert "Traceback" not in ran.err


def test_without_the_extra_a_sentence_names_it(tmp_path: Path, run: Run) -> None:
    (tmp_path / "without" / "botocore").mkdir(parents=True)
    (tmp_path / "without" / "botocore" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'botocore'\", name='botocore')"
    )
    ran = run("list", MODELREG_REGISTRY="s3://bucket/x", PYTHONPATH=str(tmp_path / "without"))
    assert ran.code == 2
    assert "s3://bucket/x needs botocore" in ran.err
    assert "modelreg[s3]" in ran.err


def test_no_sdk_is_imported_before_a_bucket_is_asked() -> None:
    program = (
        "import sys; from modelreg import Registry; Registry.open('s3://bucket/x'); Registry.open('gs://bucket/x'); "
        "print([name for name in sys.modules if name.partition('.')[0] in ('boto3', 'botocore', 'google')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
