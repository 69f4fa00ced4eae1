"""Processes that end in the middle: killed, or interrupted by a person."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Run

from modelreg import Capture, Registry
from modelreg.store.local import STAGING, LocalStore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows neither SIGKILL nor SIGSTOP")

KILLS = 200
MIB = 1024 * 1024
BIG = 256 * MIB


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "registry"


@pytest.fixture
def big() -> Path:
    """A file that takes a while to copy, but no place on the disk."""
    path = Path("big.bin")
    with path.open("wb") as file:
        file.truncate(BIG)
    return path


def test_200_kills_leave_no_version_that_is_not_whole(tmp_path: Path, root: Path, captured: Capture) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  # pytest shows it where this fails
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(3):
        (folder / f"weights-{number}").write_bytes(os.urandom((number + 1) * MIB))
    script = Path(__file__).with_name("killed_writers.py")
    output = subprocess.run(
        [sys.executable, script, root, folder, str(KILLS), str(seed)], stdout=subprocess.PIPE, check=True, timeout=300
    ).stdout
    runs = {run["run"]: run for run in map(json.loads, output.splitlines())}
    registry = Registry.open(str(root))
    versions = list(reversed(registry.versions("fraud")))
    run_of = {version.number: runs[int(version.tags["run"])] for version in versions}

    assert sum(run["killed"] for run in runs.values()) > KILLS // 2
    assert list(run_of) == list(range(1, len(versions) + 1))
    acknowledged = {int(run["acknowledged"]): run for run in runs.values() if run["acknowledged"]}
    assert acknowledged.items() <= run_of.items()
    for version in versions:
        out = registry.pull(version, tmp_path / "out").folder
        assert (out / "weights-0").read_bytes()[:16].hex() == run_of[version.number]["mark"]
        for name in ("weights-1", "weights-2"):
            assert (out / name).read_bytes() == (folder / name).read_bytes()
        shutil.rmtree(out)

    registered = registry.register(folder, "fraud", capture=captured)
    assert registered.version.number == len(versions) + 1
    assert registry.pull(registered.version, tmp_path / "out").changed
    shutil.rmtree(root)  # hundreds of MiB that pytest would keep


def end_in_the_middle(
    root: Path, arguments: Sequence[str], in_the_middle: Callable[[], bool], number: int
) -> tuple[int, str]:
    """Start a command, hold it when it is in the middle, send it a signal and let it go; return its code and stderr."""
    command = [sys.executable, "-m", "modelreg", *arguments, "--registry", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while process.poll() is None and not in_the_middle():
                time.sleep(0.001)
            assert process.poll() is None, process.stderr and process.stderr.read()
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            assert in_the_middle(), "the command was done before it could be held"
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert out == ""
    return process.returncode, err


def has_begun(folder: Path, pattern: str) -> bool:
    """Tell whether a file there holds something of the big one, but not everything yet."""
    with suppress(FileNotFoundError):  # it comes and goes
        return any(MIB <= path.stat().st_size < BIG for path in folder.glob(pattern))
    return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_register_that_is_interrupted_leaves_nothing(run: Run, root: Path, big: Path, number: int, code: int) -> None:
    Path("folder").mkdir()
    Path("folder/a.bin").write_bytes(b"uploaded before the big one")
    big.rename("folder/big.bin")
    command = ["register", "folder", "fraud"]
    ended = end_in_the_middle(root, command, lambda: has_begun(root, f"{STAGING}/*"), number)
    assert ended == (code, "error: interrupted; nothing is left half-done\n")
    assert [entry.key for entry in LocalStore(root).entries("")] == ["modelreg.json"]
    assert list((root / STAGING).iterdir()) == []
    Path("folder/big.bin").unlink()
    assert run("register", "folder", "fraud").out == "fraud:1\n"


def test_a_signal_while_an_error_is_told_ends_the_command_at_once(root: Path) -> None:
    longer_than_a_pipe = "x" * 100_000
    command = [sys.executable, "-m", "modelreg", "list", "--registry", str(root), "--sort", longer_than_a_pipe]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        begun = os.read(process.stderr.fileno(), 1)
        process.send_signal(signal.SIGINT)
        said = begun + process.stderr.read()
    assert process.returncode == -signal.SIGINT
    assert said.startswith(b"error: --sort ")
    assert b"Traceback" not in said


@pytest.fixture
def big_model(root: Path, big: Path, model: Path, captured: Capture) -> Registry:
    """A registry with fraud:1, which is small, and fraud:2, which is big."""
    registry = Registry.open(str(root))
    registry.register(model, "fraud", capture=captured)
    registry.register(big, "fraud", capture=captured)
    return registry


def test_a_pull_that_is_interrupted_leaves_nothing(big_model: Registry, root: Path, big: Path) -> None:
    before = sorted(Path.cwd().rglob("*"))
    command = ["pull", "fraud:2", "-o", "new/deep"]
    ended = end_in_the_middle(root, command, lambda: has_begun(Path("new"), ".modelreg-*/**/big.bin"), signal.SIGINT)
    assert ended == (130, "error: interrupted; nothing is left half-done\n")
    assert sorted(Path.cwd().rglob("*")) == before


def test_a_pull_over_another_version_that_is_interrupted_leaves_that_one(big_model: Registry, root: Path) -> None:
    big_model.pull("fraud:1", "there")
    before = {path: path.read_bytes() for path in Path("there").rglob("*")}
    command = ["pull", "fraud:2", "-o", "there", "--force"]
    ended = end_in_the_middle(root, command, lambda: has_begun(Path("there"), ".modelreg-*/**/big.bin"), signal.SIGINT)
    assert ended == (130, "error: interrupted; nothing is left half-done\n")
    assert {path: path.read_bytes() for path in Path("there").rglob("*")} == before
    assert not big_model.pull("fraud:1", "there").changed


def test_after_a_pull_that_was_killed_the_target_is_absent_and_pulling_again_works(
    run: Run, big_model: Registry, root: Path
) -> None:
    command = ["pull", "fraud:2", "-o", "new/deep"]
    ended = end_in_the_middle(root, command, lambda: has_begun(Path("new"), ".modelreg-*/**/big.bin"), signal.SIGKILL)
    assert ended == (-signal.SIGKILL, "")
    assert not Path("new/deep").exists()
    ran = run("pull", "fraud:2", "-o", "new/deep")
    assert (ran.code, ran.out) == (0, "new/deep\n")
    assert Path("new/deep/big.bin").stat().st_size == BIG
    assert Path("new/deep/modelreg.yaml").is_file()
