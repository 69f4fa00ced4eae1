"""A folder that may not be written to, or not read, and a disk that is full."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Run

from modelreg import Capture, Registry
from modelreg.digest import CHUNK
from modelreg.errors import StoreError
from modelreg.store.local import STAGING, LocalStore

KEY = "models/fraud/versions/00000001.json"

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="mounts and powers are Linux's")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "registry"


@pytest.fixture
def local(root: Path) -> LocalStore:
    return LocalStore(root)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk; another test does so in a namespace")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def staged(root: Path) -> list[str]:
    return [path.name for path in (root / STAGING).iterdir()]


READ_ONLY = {
    "the registry": ".",
    "staging": STAGING,
    "the versions": "models/fraud/versions",
}


@linux_only
@pytest.mark.parametrize("folder", READ_ONLY.values(), ids=READ_ONLY.keys())
def test_a_read_only_folder_is_named_and_nothing_is_lost(
    run: Run, root: Path, model: Path, ordinary: list[str], folder: str
) -> None:
    assert run("register", str(model), "fraud").code == 0
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    if folder == ".":
        (root / STAGING).rmdir()
    (root / folder).chmod(0o555)
    try:
        ran = subprocess.run(
            [*ordinary, sys.executable, "-m", "modelreg", "register", str(model), "fraud", "--registry", str(root)],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        (root / folder).chmod(0o755)
    assert ran.returncode == 7, ran.stderr
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"error: no permission for {(root / folder).resolve()}")
    assert ran.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert run("register", str(model), "fraud").out == "fraud:2\n"


@linux_only
def test_who_may_only_read_can_pull(run: Run, root: Path, tmp_path: Path, model: Path, ordinary: list[str]) -> None:
    assert run("register", str(model), "fraud").code == 0
    folders = [path for path in [root, *root.rglob("*")] if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        subprocess.run(
            [*ordinary, sys.executable, "-m", "modelreg", "pull", "fraud", "-o", "out", "--registry", str(root)],
            capture_output=True,
            check=True,
        )
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert Path("out/model.pkl").read_bytes() == model.read_bytes()


@linux_only
def test_a_file_that_may_not_be_read_is_named(root: Path, model: Path, ordinary: list[str]) -> None:
    model.chmod(0)
    script = "import sys; from modelreg import Registry; Registry.open(sys.argv[1]).register(sys.argv[2], 'fraud')"
    ran = subprocess.run(
        [*ordinary, sys.executable, "-c", script, root, model], capture_output=True, text=True, check=False
    )
    assert ran.stderr.splitlines()[-1] == f"modelreg.errors.AccessDeniedError: no permission to read {model}"
    assert not [path for path in root.rglob("*") if path.is_file() and path.name != "modelreg.json"]


# The disk


def test_a_full_disk_is_named_and_loses_nothing(
    small_disk: Path, model: Path, captured: Capture, tmp_path: Path
) -> None:
    registry = Registry.open(str(small_disk))
    registry.register(model, "fraud", capture=captured)
    big = tmp_path / "big.bin"
    big.write_bytes(os.urandom(3 * CHUNK))
    with pytest.raises(StoreError, match=f"the disk of the registry {small_disk} is full"):
        registry.register(big, "fraud", capture=captured)
    assert [version.number for version in registry.versions("fraud")] == [1]
    assert registry.pull("fraud:1", tmp_path / "out").changed
    assert staged(small_disk) == []


def test_a_register_that_fails_gives_the_disk_back_what_it_had_uploaded(
    small_disk: Path, captured: Capture, tmp_path: Path
) -> None:
    """Else a full disk would stay full: nothing of the failed register can be seen, and deleted, by a command."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_bytes(os.urandom(CHUNK * 3 // 4))
    registry = Registry.open(str(small_disk))
    with pytest.raises(StoreError, match="is full"):
        registry.register(folder, "fraud", capture=captured)
    assert [entry.key for entry in LocalStore(small_disk).entries("")] == ["modelreg.json"]
    (folder / "c").unlink()
    assert registry.register(folder, "fraud", capture=captured).version.number == 1


def test_a_disk_that_is_full_to_the_last_byte_is_named(small_disk: Path, model: Path, captured: Capture) -> None:
    store = LocalStore(small_disk)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    for write in (lambda: store.create(KEY, b"x"), lambda: store.upload(KEY, model)):
        with pytest.raises(StoreError, match="is full"):
            write()
    with pytest.raises(StoreError, match="is full"):
        Registry(store).register(model, "fraud", capture=captured)
    filler.unlink()
    assert list(store.entries("")) == []
    assert Registry(store).register(model, "fraud", capture=captured).version.number == 1


@linux_only
def test_who_is_not_root_runs_the_tests_of_the_small_disk_in_a_namespace(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root has run them already")
    namespace = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], check=False).returncode:
        pytest.skip("this system lets no user make a namespace, so there is no small disk")
    pytest_again = [sys.executable, "-m", "pytest", "-q", "-k", "disk", "-p", "no:cacheprovider", "--basetemp=again"]
    done = subprocess.run([*namespace, *pytest_again, __file__], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@linux_only
def test_a_registry_on_two_disks_is_refused(local: LocalStore, root: Path, small_disk: Path) -> None:
    root.mkdir()
    (root / "models").symlink_to(small_disk)
    with pytest.raises(StoreError, match="lies on another file system than"):
        local.create(KEY, b"x")
    assert staged(root) == []
