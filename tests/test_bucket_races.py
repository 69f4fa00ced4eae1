"""Many processes on one bucket: every version once, none lost, on servers that are as strict as the real ones."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import bucket_servers
import pytest
from bucket_servers import BUCKET, Server

from modelreg import Capture, Registry
from modelreg.errors import AccessDeniedError, StoreError
from modelreg.store import open_store
from modelreg.store.bucket import PART

EXHAUSTIVE = os.environ.get("MODELREG_TEST_EXHAUSTIVE") == "1"
ON_MEMORY = (16, 50) if EXHAUSTIVE else (6, 5)
ON_SEAWEEDFS = (8, 10) if EXHAUSTIVE else (3, 3)
"""Processes, and how often each of them registers. SeaweedFS takes a second where two create one key."""

WRITER = """
import json, sys
from modelreg import Capture, Environment, Platform, Python, Registry
capture = Capture(Environment(Python("3.11.7", "cpython"), Platform("linux", "x86_64")), "venv", "/somewhere")
url, path, writer, turns = sys.argv[1:]
registry = Registry.open(url)
print("ready", flush=True)
sys.stdin.readline()
numbers = {}
for turn in range(int(turns)):
    tag = f"{writer}-{turn}"
    numbers[tag] = registry.register(path, "fraud", capture=capture, tags={"who": tag}).version.number
print(json.dumps(numbers))
"""


def race(url: str, model: Path, writers: int, turns: int, environ: Sequence[dict[str, str]] = ({},)) -> dict[str, int]:
    """Let processes register at once; return which number each registration was told."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, model, str(writer), str(turns)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environ[writer % len(environ)],
        )
        for writer in range(writers)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told: dict[str, int] = {}
    for process in processes:
        told |= json.loads(process.communicate(timeout=600)[0])
    return told


def check(url: str, told: dict[str, int], count: int) -> None:
    assert sorted(told.values()) == list(range(1, count + 1))
    assert {version.tags["who"]: version.number for version in Registry.open(url).versions("fraud")} == told


def test_processes_on_s3_get_every_version_once(s3_url: str, model: Path) -> None:
    writers, turns = ON_MEMORY
    check(s3_url, race(s3_url, model, writers, turns), writers * turns)


def test_processes_on_gcs_get_every_version_once(gcs_url: str, model: Path) -> None:
    writers, turns = ON_MEMORY
    check(gcs_url, race(gcs_url, model, writers, turns), writers * turns)


@pytest.fixture
def seaweedfs_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    return bucket_servers.unused("s3", "seaweedfs", request, monkeypatch)


def test_processes_on_seaweedfs_get_every_version_once(seaweedfs_url: str, model: Path) -> None:
    writers, turns = ON_SEAWEEDFS
    check(seaweedfs_url, race(seaweedfs_url, model, writers, turns), writers * turns)


def test_a_folder_goes_up_to_seaweedfs_and_comes_back(seaweedfs_url: str, tmp_path: Path, captured: Capture) -> None:
    """It refuses what does not agree with its checksum."""
    folder = tmp_path / "work" / "saved"
    (folder / "variables").mkdir(parents=True)
    content = {"variables/data": os.urandom(2 * PART + 5), "saved_model.pb": os.urandom(1000), "empty": b""}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    registry = Registry.open(seaweedfs_url)
    registry.register(folder, "fraud", capture=captured)
    registry.pull("fraud:1", "out")
    assert {name: Path("out", name).read_bytes() for name in content} == content
    assert [entry.size for entry in open_store(seaweedfs_url).entries("models/fraud/artifacts/")] == [
        0,
        1000,
        2 * PART + 5,
    ]


REFUSED = {
    "unknown key": ("nobody", "x" * 20, "does not accept these credentials"),
    "wrong secret": ("test", "x" * 20, "does not accept these credentials"),
    "read-only": ("reader", "testsecret1", "no permission to write"),
}


@pytest.mark.parametrize(("access", "secret", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_credentials_that_do_not_suffice_are_a_sentence_and_exit_7(
    seaweedfs_url: str,
    model: Path,
    captured: Capture,
    monkeypatch: pytest.MonkeyPatch,
    access: str,
    secret: str,
    says: str,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    with pytest.raises(AccessDeniedError, match=says) as refused:
        Registry.open(seaweedfs_url).register(model, "fraud", capture=captured)
    assert refused.value.exit_code == 7


def test_whoever_may_only_read_lists_and_pulls(
    seaweedfs_url: str, model: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Registry.open(seaweedfs_url).register(model, "fraud", capture=captured)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    registry = Registry.open(seaweedfs_url)
    assert [found.name for found in registry.models()] == ["fraud"]
    assert registry.pull("fraud:1", "out").changed


def test_a_server_that_lies_is_refused_every_time_and_nothing_is_registered(
    rclone: Server, model: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`rclone serve s3` overwrites where it is told to create only if absent."""
    bucket_servers.use(rclone, monkeypatch)
    url = f"s3://{BUCKET}/{os.urandom(8).hex()}"
    for _ in range(2):
        with pytest.raises(StoreError, match=r"lets a record be created twice, .*it cannot hold a registry"):
            Registry.open(url).register(model, "fraud", capture=captured)
    assert list(open_store(url).entries("")) == []
