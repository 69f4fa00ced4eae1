"""Many files at once, and transfers that were killed: on each kind of store."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bucket_servers import Server
from fault_proxy import Fault, faulty

from modelreg import Capture, Progress, Registry
from modelreg.digest import CHUNK, sha256_of
from modelreg.errors import AccessDeniedError
from modelreg.store import Store, open_store
from modelreg.store.bucket import PART

REGISTER = """
import sys
from modelreg import Capture, Environment, Platform, Python, Registry
capture = Capture(Environment(Python("3.11.7", "cpython"), Platform("linux", "x86_64")), "venv", "/somewhere")
print(Registry.open(sys.argv[1]).register(sys.argv[2], "fraud", capture=capture).version)
"""
PULL = """
import sys
from modelreg import Registry
Registry.open(sys.argv[1]).pull("fraud:1", sys.argv[2])
"""


@pytest.fixture(params=["s3", "gcs"])
def bucket(request: pytest.FixtureRequest) -> tuple[str, Server, str]:
    """A registry's URL, its server, and the variable that names the server."""
    url = str(request.getfixturevalue(f"{request.param}_url"))
    server = request.getfixturevalue("ministack" if request.param == "s3" else "fake_gcs")
    return url, server, "AWS_ENDPOINT_URL_S3" if request.param == "s3" else "STORAGE_EMULATOR_HOST"


# What the store promises


def test_an_upload_that_is_done_is_not_done_again_when_it_is_resumed(store: Store, model: Path) -> None:
    poured = store.upload("models/a", model)
    assert store.upload("models/a", model, resume=True) == poured
    assert store.read("models/a", 10_000) == model.read_bytes()


def test_a_stream_begins_where_it_is_told_to(store: Store, model: Path) -> None:
    data = os.urandom(PART + 2 * CHUNK + 3)
    model.write_bytes(data)
    store.upload("models/a", model)
    for start in (0, 1, CHUNK, PART, PART + 5, len(data) - 1, len(data), len(data) + 1):
        assert b"".join(store.stream("models/a", start)) == data[start:]


def test_many_files_of_all_sizes_go_up_and_come_back(store: Store, tmp_path: Path, captured: Capture) -> None:
    folder = tmp_path / "work" / "saved"
    (folder / "deep" / "er").mkdir(parents=True)
    content = {f"deep/er/{number:03d}": os.urandom(number * 97) for number in range(60)}
    content |= {"large": os.urandom(PART + CHUNK + 1), "empty": b""}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    told: list[int] = []
    registry = Registry(store)
    registry.register(folder, "fraud", capture=captured, progress=lambda progress: told.append(progress.done))
    assert told == sorted(told)
    assert told[-1] == sum(map(len, content.values()))
    manifest = registry.show("fraud:1")
    assert {file.path: file.sha256 for file in manifest.tree.files} == {
        name: sha256_of(data) for name, data in content.items()
    }
    registry.pull("fraud:1", "out")
    assert {name: Path("out", name).read_bytes() for name in content} == content


# Killed


def killed_midway(program: str, *arguments: str, until: Callable[[], bool]) -> None:
    process = subprocess.Popen([sys.executable, "-c", program, *arguments])
    end = time.monotonic() + 60
    while not until():
        assert process.poll() is None, "it was done before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "large.bin"
    path.write_bytes(os.urandom(6 * PART + 5))
    return path


def test_an_upload_that_was_killed_goes_on_where_it_was(
    bucket: tuple[str, Server, str], large: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, server, variable = bucket
    # The sixth of seven parts is never answered; GCS counts the marker's two creations, too.
    hold = Fault(rb"partNumber=6", "hold") if url.startswith("s3") else Fault(rb"^POST", "hold", every=8, times=1)

    def sent_in_part() -> bool:
        if url.startswith("s3"):
            return hold.fired > 0 and _parts_of_uploads(url, server) > 0
        return hold.fired > 0 and proxy.answers >= 10

    with faulty(server.port, hold) as proxy:
        monkeypatch.setenv(variable, proxy.endpoint)
        killed_midway(REGISTER, url, str(large), until=sent_in_part)
        assert list(open_store(url).entries("models/")) == []
    there = _parts_of_uploads(url, server) if url.startswith("s3") else 4
    with faulty(server.port) as proxy:
        monkeypatch.setenv(variable, proxy.endpoint)
        registry = Registry.open(url)
        version = registry.register(large, "fraud", capture=captured).version
        sent = [line for line in proxy.requests if "partNumber=" in line or "uploadType=multipart" in line]
        assert len(sent) <= 7 - there + (0 if url.startswith("s3") else 3)  # GCS: and three records
        assert sorted({entry.key.split("/")[3] for entry in open_store(url).entries("models/fraud/artifacts/")}) == [
            version.artifact.upload
        ]
        registry.pull("fraud:1", "out")
    assert version.number == 1
    assert Path("out", "large.bin").read_bytes() == large.read_bytes()


def _parts_of_uploads(url: str, server: Server) -> int:
    """Return how many parts of unfinished uploads a bucket holds."""
    import boto3

    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    client = boto3.client("s3", endpoint_url=server.endpoint)
    uploads = client.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", [])
    listed = (client.list_parts(Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"]) for one in uploads)
    return sum(len(answer.get("Parts", [])) for answer in listed)


def test_what_an_earlier_attempt_sent_is_checked_and_not_trusted(
    bucket: tuple[str, Server, str], large: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file changes, without its size or time telling so, between the attempt that was killed and the next."""
    url, server, variable = bucket
    hold = Fault(rb"partNumber=6", "hold") if url.startswith("s3") else Fault(rb"^POST", "hold", every=8, times=1)
    with faulty(server.port, hold) as proxy:
        monkeypatch.setenv(variable, proxy.endpoint)
        killed_midway(REGISTER, url, str(large), until=lambda: hold.fired > 0 and proxy.answers >= 10)
    status = large.stat()
    with large.open("r+b") as file:
        file.seek(PART + 17)
        file.write(b"changed")
    os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))
    monkeypatch.setenv(variable, server.endpoint)
    registry = Registry.open(url)
    registry.register(large, "fraud", capture=captured)
    registry.pull("fraud:1", "out")
    assert Path("out", "large.bin").read_bytes() == large.read_bytes()


@pytest.mark.parametrize("size", [1000, 2 * PART + 9], ids=["small", "large"])
def test_another_file_that_lies_at_the_key_is_replaced_when_an_upload_is_resumed(
    bucket: tuple[str, Server, str], tmp_path: Path, size: int
) -> None:
    store = open_store(bucket[0])
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(os.urandom(size))
    second.write_bytes(os.urandom(size))
    store.upload("models/a", first)
    assert store.upload("models/a", second, resume=True).sha256 == sha256_of(second.read_bytes())
    assert b"".join(store.stream("models/a")) == second.read_bytes()


def test_a_large_file_that_is_whole_already_is_not_sent_again(
    bucket: tuple[str, Server, str], large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, server, variable = bucket
    poured = open_store(url).upload("models/a", large)
    with faulty(server.port) as proxy:
        monkeypatch.setenv(variable, proxy.endpoint)
        assert open_store(url).upload("models/a", large, resume=True) == poured
        assert not [line for line in proxy.requests if line.startswith(("PUT", "POST", "DELETE"))]


def test_an_upload_that_lost_the_store_goes_on_where_it_was(
    ministack: Server, s3_url: str, large: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(ministack.port, Fault(rb"partNumber=6", "refuse", status=400, code="ExpiredToken")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        with pytest.raises(AccessDeniedError, match="have expired; sign in again"):
            Registry.open(s3_url).register(large, "fraud", capture=captured)
        proxy.faults.clear()
        proxy.requests.clear()
        Registry.open(s3_url).register(large, "fraud", capture=captured)
        assert len([line for line in proxy.requests if "partNumber=" in line]) < 7


def partial(folder: Path) -> int:
    """Return how much has been noted as fetched without a gap."""
    return sum(int(path.read_text().partition(" ")[0] or "0") for path in folder.glob(".modelreg-*/arrived"))


def test_a_download_that_was_killed_goes_on_where_it_was(
    bucket: tuple[str, Server, str], large: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, server, variable = bucket
    Registry.open(url).register(large, "fraud", capture=captured)
    with faulty(server.port, Fault(rb"^GET \S+large\.bin\S* (?s:.*)bytes=41943040-", "hold")) as proxy:
        monkeypatch.setenv(variable, proxy.endpoint)
        killed_midway(PULL, url, "out", until=lambda: partial(Path()) >= 4 * PART)
    assert not Path("out").exists()
    with faulty(server.port) as proxy:
        monkeypatch.setenv(variable, proxy.endpoint)
        Registry.open(url).pull("fraud:1", "out")
        assert len([line for line in proxy.requests if "large.bin" in line]) <= 5  # of 7 parts, or 8 requests on GCS
    assert Path("out", "large.bin").read_bytes() == large.read_bytes()
    assert list(Path().glob(".modelreg-*")) == []


@pytest.mark.parametrize("part", [2, 4])
def test_a_part_that_is_refused_is_said_and_what_has_arrived_is_kept(
    bucket: tuple[str, Server, str], large: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """As where the credentials expire. The parts before it are on their way still."""
    url, server, variable = bucket
    registry = Registry.open(url)
    registry.register(large, "fraud", capture=captured)
    status = 400 if url.startswith("s3") else 403
    head = rb"(?i)^GET \S+large\.bin\S* (?s:.*)bytes=%d-" % (part * PART)
    refused = Fault(head, "refuse", status=status, code="ExpiredToken")

    def slowly(_: Progress) -> None:
        time.sleep(0.02)

    with faulty(server.port, refused) as proxy:
        monkeypatch.setenv(variable, proxy.endpoint)
        with pytest.raises(AccessDeniedError):
            Registry.open(url).pull("fraud:1", "out", progress=slowly)
    assert refused.fired
    assert list(Path().glob(".modelreg-*"))
    monkeypatch.setenv(variable, server.endpoint)
    Registry.open(url).pull("fraud:1", "out")
    assert Path("out", "large.bin").read_bytes() == large.read_bytes()


def test_what_an_earlier_attempt_fetched_is_checked_and_not_trusted(
    s3_url: str, large: Path, captured: Capture, ministack: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry.open(s3_url)
    registry.register(large, "fraud", capture=captured)
    with faulty(ministack.port, Fault(rb"^GET \S+large\.bin\S* (?s:.*)bytes=41943040-", "hold")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        killed_midway(PULL, s3_url, "out", until=lambda: partial(Path()) >= 4 * PART)
    (fetched,) = Path().glob(".modelreg-*/new/large.bin")
    with fetched.open("r+b") as file:
        file.write(b"other bytes")
    registry.pull("fraud:1", "out")
    assert Path("out", "large.bin").read_bytes() == large.read_bytes()


@pytest.mark.parametrize("note", ["", "much large.bin", "41943040 large.bin", "999999999 large.bin", "8 other.bin"])
def test_a_gap_that_a_killed_download_left_is_never_taken_for_bytes(
    s3_url: str, large: Path, captured: Capture, note: str
) -> None:
    """What is noted of it may be damaged, or the machine may have gone down before the bytes were on its disk."""
    registry = Registry.open(s3_url)
    digest = registry.register(large, "fraud", capture=captured).version.digest
    staging = Path(f".modelreg-{digest[-16:]}")
    (staging / "new").mkdir(parents=True)
    staging.chmod(0o700)
    (staging / "arrived").write_text(note)
    data = large.read_bytes()
    (staging / "new" / "large.bin").write_bytes(data[:PART] + bytes(PART) + data[2 * PART :])
    told: list[int] = []
    registry.pull("fraud:1", "out", progress=lambda progress: told.append(progress.done))
    assert Path("out", "large.bin").read_bytes() == data
    assert told[-1] == len(data)
    assert list(Path().glob(".modelreg-*")) == []


def test_a_staging_folder_that_others_may_write_to_is_left_alone(
    s3_url: str, tmp_path: Path, large: Path, captured: Capture
) -> None:
    """Its name can be guessed, so anybody could have laid a symlink there."""
    registry = Registry.open(s3_url)
    digest = registry.register(large, "fraud", capture=captured).version.digest
    victim = tmp_path / "victim"
    trap = Path(f".modelreg-{digest[-16:]}", "new")
    trap.mkdir(parents=True)
    trap.parent.chmod(0o777)
    (trap / "large.bin").symlink_to(victim)
    registry.pull("fraud:1", "out")
    assert Path("out", "large.bin").read_bytes() == large.read_bytes()
    assert not victim.exists()
