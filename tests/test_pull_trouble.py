"""modelreg pull where the system says no, and where the registry is somebody's trap."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Ran, Run
from folders import FILES, state_of

from modelreg import Capture, IntegrityError, Registry, UnsafePathError
from modelreg.canonical import encode
from modelreg.digest import sha256_of
from modelreg.store import Store

MIB = 1024 * 1024

HOSTILE = [
    "../escaped",
    "a/../../escaped",
    "/tmp/escaped",
    "C:/escaped",
    "..\\escaped",
    "\\\\server\\share\\escaped",
    "nul",
    "a/con.txt",
    "trailing.",
    "new\nline",
    "\x1b[31mred",
    "right\u202eleft",
    "gro\u0308ße",
    "modelreg.yaml",
    "MODELREG.YAML/x",
    ".",
    "",
    "a//b",
    "x" * 256,
]


@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
def test_a_hostile_path_in_a_tree_made_by_hand_is_refused(
    store: Store, model: Path, captured: Capture, path: str
) -> None:
    registry = _with_tree(store, model, captured, [path])
    before = sorted(Path().rglob("*"))
    with pytest.raises(UnsafePathError) as caught:
        registry.pull("fraud", "out")
    assert str(caught.value).isprintable()
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("paths", [["A", "a"], ["a", "a/b"], ["Dir/a", "dir/b"], ["a", "a"]], ids=str)
def test_hostile_sets_of_paths_are_refused_too(store: Store, model: Path, captured: Capture, paths: list[str]) -> None:
    registry = _with_tree(store, model, captured, paths)
    with pytest.raises(UnsafePathError):
        registry.pull("fraud", "out")
    assert not Path("out").exists()


def test_a_tree_of_another_size_than_the_version_says_is_refused(store: Store, model: Path, captured: Capture) -> None:
    registry = _with_tree(store, model, captured, ["a"], size=3)
    with pytest.raises(IntegrityError):
        registry.pull("fraud", "out")
    assert not Path("out").exists()


def _with_tree(store: Store, model: Path, captured: Capture, paths: list[str], size: int | None = None) -> Registry:
    """Return a registry whose fraud:1 names files that no register would accept, all else in order."""
    registry = Registry(store)
    registry.register(model, "fraud", capture=captured)
    data = model.read_bytes()
    file = {"size": len(data), "sha256": sha256_of(data)}
    tree = encode({"format": 1, "kind": "tree", "files": [{"path": path, **file} for path in sorted(paths)]})
    total = len(data) * len(paths)
    store.create(f"models/fraud/trees/{size or total}-{sha256_of(tree)}.json", tree)
    key = "models/fraud/versions/00000001.json"
    record = json.loads(store.read(key, MIB))
    record["artifact"] |= {"digest": f"sha256:{sha256_of(tree)}", "size": size or total, "files": len(paths)}
    del record["check"]
    store.delete(key)
    store.create(key, encode(record | {"check": sha256_of(encode(record))}))
    return registry


# Permissions


@pytest.fixture
def registered(run: Run, saved_model: Path, tmp_path: Path) -> Path:
    """A registry's folder with fraud:1."""
    assert run("register", str(saved_model), "fraud").code == 0
    return tmp_path / "registry"


def _pull(before: list[str], registry: Path, *arguments: str) -> Ran:
    command = [*before, sys.executable, "-m", "modelreg", "pull", "fraud", "--registry", str(registry), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_where_nothing_may_be_written_it_says_so_with_exit_7(ordinary: list[str], registered: Path) -> None:
    locked = Path("locked")
    locked.mkdir(mode=0o555)
    for target in ("locked/out", "locked/deep/out", "locked"):
        ran = _pull(ordinary, registered, "-o", target)
        assert (ran.code, ran.out) == (7, "")
        assert ran.err.startswith("error: no permission to write locked")
        assert ".modelreg-" not in ran.err
    assert not list(locked.iterdir())


def test_a_subfolder_that_may_not_be_written_leaves_the_rest_as_it_was(ordinary: list[str], registered: Path) -> None:
    assert _pull([], registered, "-o", "out").code == 0
    Path("out/saved_model.pb").write_bytes(b"edited")
    Path("out/variables").chmod(0o500)
    before = state_of(Path("out"))
    Path("out").chmod(0o500)
    ran = _pull(ordinary, registered, "-o", "out", "--force")
    Path("out").chmod(0o700)
    assert ran.code == 7
    assert state_of(Path("out")) == before


def test_a_file_in_the_folder_that_cannot_be_read_is_named(ordinary: list[str], registered: Path) -> None:
    assert _pull([], registered, "-o", "out").code == 0
    Path("out/saved_model.pb").chmod(0)
    ran = _pull(ordinary, registered, "-o", "out")
    assert ran.code == 7
    assert "out/saved_model.pb" in ran.err


def test_a_file_of_the_registry_that_cannot_be_read_leaves_nothing_behind(
    ordinary: list[str], registered: Path
) -> None:
    (hidden,) = registered.glob("models/fraud/artifacts/*/saved_model.pb")
    hidden.chmod(0)
    ran = _pull(ordinary, registered, "-o", "deep/out")
    assert (ran.code, ran.out) == (7, "")
    assert "saved_model.pb" in ran.err
    assert not Path("deep").exists()


def test_a_target_below_a_file_is_refused_in_a_sentence(registered: Path) -> None:
    Path("file").write_bytes(b"mine")
    ran = _pull([], registered, "-o", "file/out")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: file")
    assert ran.err.count("\n") == 1


# A full disk


_ON_SMALL_DISK = """
mount -t tmpfs -o size=1m tmpfs "$1" || exit 99
cd "$1" && shift
eval "$BEFORE"
"$@"
code=$?
find . -mindepth 1 | sort > "$LISTING"
exit $code
"""


def _pull_on_small_disk(disk: Path, registry: Path, before: str, *arguments: str) -> tuple[Ran, list[str]]:
    """Run a pull in a file system of 1 MiB which only it sees; return what it did, and what is there in the end."""
    unshare = shutil.which("unshare")
    if unshare is None or sys.platform != "linux":
        pytest.skip("a small file system is mounted with unshare, of Linux")
    apart = [unshare, "-m"] if os.geteuid() == 0 else [unshare, "-rm"]
    disk.mkdir()
    listing = disk.with_name("listing")
    pull = [sys.executable, "-m", "modelreg", "pull", "--registry", str(registry)]
    environ = {**os.environ, "BEFORE": before.replace("PULL", " ".join(pull)), "LISTING": str(listing)}
    command = [*apart, "sh", "-c", _ON_SMALL_DISK, "sh", str(disk), *pull, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    if not listing.exists():
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    return Ran(done.returncode, done.stdout, done.stderr), listing.read_text().split()


def test_a_full_disk_leaves_nothing_behind(registered: Path, tmp_path: Path) -> None:
    assert sum(map(len, FILES.values())) > MIB
    ran, left = _pull_on_small_disk(tmp_path / "disk", registered, "", "fraud", "-o", "deep/out")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: the disk of deep/out is full; make room, or choose another folder with -o\n"
    assert not left


def test_a_disk_that_fills_up_leaves_an_existing_folder_as_it_was(
    registered: Path, run: Run, model: Path, tmp_path: Path
) -> None:
    assert run("register", str(model), "fraud").code == 0
    before = "PULL fraud:2 -o out -q"
    ran, left = _pull_on_small_disk(tmp_path / "disk", registered, before, "fraud:1", "-o", "out", "--force")
    assert ran.code == 1
    assert "is full" in ran.err
    assert left == ["./out", "./out/model.pkl", "./out/modelreg.yaml"]
