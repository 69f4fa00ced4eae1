"""modelreg pull into a folder that is there already: nobody's files are lost."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Run
from folders import FILES, damage, read_files, state_of, write_files
from watched_store import WatchedStore

from modelreg import Capture, ConflictError, IntegrityError, Progress, Pulled, Registry
from modelreg.digest import Piece
from modelreg.locks import held
from modelreg.pulled import PulledManifest
from modelreg.store import Store

symlinks = pytest.mark.skipif(sys.platform == "win32", reason="making a symlink needs a privilege on Windows")


@pytest.fixture
def two_versions(filled: Registry, captured: Capture) -> Registry:
    """fraud:2 has one file of fraud:1, one with other bytes, and one of its own."""
    filled.register(write_files(Path("second"), SECOND), "fraud", capture=captured)
    return filled


# A folder that is there


def test_an_empty_folder_is_filled(filled: Registry) -> None:
    Path("out").mkdir()
    assert filled.pull("fraud", "out").changed
    assert read_files(Path("out")) == FILES


def test_unrelated_files_stay(filled: Registry) -> None:
    write_files(Path("out"), {"notes.txt": b"mine", "variables/mine": b"too"})
    assert filled.pull("fraud", "out").changed
    assert read_files(Path("out")) == {**FILES, "notes.txt": b"mine", "variables/mine": b"too"}


def test_files_that_are_right_already_are_kept_and_the_rest_is_fetched(filled: Registry) -> None:
    write_files(Path("out"), {"saved_model.pb": FILES["saved_model.pb"]})
    before = state_of(Path("out"))
    assert filled.pull("fraud", "out").changed
    assert read_files(Path("out")) == FILES
    assert before.items() <= state_of(Path("out")).items()


def test_the_same_version_again_is_verified_and_not_touched(filled: Registry) -> None:
    filled.pull("fraud", "out")
    before = state_of(Path("out"))
    seen: list[Progress] = []
    assert not filled.pull("fraud", "out", progress=seen.append).changed
    assert state_of(Path("out")) == before
    assert {step.stage for step in seen} == {"verify"}
    assert seen[-1].done == sum(map(len, FILES.values()))


@pytest.mark.parametrize(
    "change",
    [lambda data: bytes([data[0] ^ 1]) + data[1:], lambda data: data[:-1], lambda data: data + b"x"],
    ids=["flipped", "cut off", "grown"],
)
def test_an_edited_file_is_refused_and_named_and_with_force_replaced(
    filled: Registry, change: Callable[[bytes], bytes]
) -> None:
    filled.pull("fraud", "out")
    edited = change(FILES["saved_model.pb"])
    write_files(Path("out"), {"saved_model.pb": edited})
    with pytest.raises(ConflictError, match=r"saved_model\.pb; use --force"):
        filled.pull("fraud", "out")
    assert read_files(Path("out")) == {**FILES, "saved_model.pb": edited}
    assert filled.pull("fraud", "out", force=True).changed
    assert read_files(Path("out")) == FILES


def test_a_file_that_was_removed_comes_back_without_force(filled: Registry) -> None:
    filled.pull("fraud", "out")
    Path("out/saved_model.pb").unlink()
    assert filled.pull("fraud", "out").changed
    assert read_files(Path("out")) == FILES


def test_many_files_in_the_way_are_not_all_named(registry: Registry, captured: Capture) -> None:
    files = {f"{number:03}": b"new" for number in range(50)}
    registry.register(write_files(Path("many"), files), "fraud", capture=captured)
    write_files(Path("out"), dict.fromkeys(files, b"old"))
    with pytest.raises(ConflictError, match=r"000, 001, 002, 003, 004 …; use") as caught:
        registry.pull("fraud", "out")
    assert len(str(caught.value)) < 200


def test_another_version_is_refused_without_force(two_versions: Registry) -> None:
    two_versions.pull("fraud:1", "out")
    before = state_of(Path("out"))
    with pytest.raises(ConflictError, match="holds fraud:1, not fraud:2; use --force"):
        two_versions.pull("fraud:2", "out")
    assert state_of(Path("out")) == before


def test_with_force_another_version_replaces_it_and_its_leftovers_go(two_versions: Registry) -> None:
    two_versions.pull("fraud:1", "out")
    assert two_versions.pull("fraud:2", "out", force=True).changed
    assert read_files(Path("out")) == read_files(Path("second"))
    assert not Path("out/assets").exists()
    assert not two_versions.pull("fraud:2", "out").changed


def test_leftovers_that_somebody_changed_stay(two_versions: Registry) -> None:
    two_versions.pull("fraud:1", "out")
    write_files(Path("out"), {"assets/vocabulary.txt": b"mine", "assets/more": b"mine too"})
    two_versions.pull("fraud:2", "out", force=True)
    assert read_files(Path("out")) == {
        **read_files(Path("second")),
        "assets/vocabulary.txt": b"mine",
        "assets/more": b"mine too",
    }


def test_a_manifest_that_is_not_ours_is_refused_without_force(filled: Registry) -> None:
    write_files(Path("out"), {"modelreg.yaml": b"name: mine\n"})
    with pytest.raises(ConflictError, match="did not write"):
        filled.pull("fraud", "out")
    assert filled.pull("fraud", "out", force=True).changed
    assert not filled.pull("fraud", "out").changed


def test_an_edited_manifest_is_refused_without_force(filled: Registry) -> None:
    manifest = filled.pull("fraud", "out").folder / "modelreg.yaml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("- numpy==2.1.0", "- numpy==2.2.0"), encoding="utf-8")
    with pytest.raises(ConflictError):
        filled.pull("fraud", "out")
    assert filled.pull("fraud", "out", force=True).changed
    assert manifest.read_text(encoding="utf-8") == text


# What stands in the way


def test_a_file_where_the_folder_should_be_is_refused(filled: Registry) -> None:
    Path("out").write_text("mine")
    for force in (False, True):
        with pytest.raises(ConflictError, match="out is a file"):
            filled.pull("fraud", "out", force=force)
    assert Path("out").read_text() == "mine"


@pytest.mark.parametrize("path", ["saved_model.pb", "modelreg.yaml"])
def test_a_folder_where_a_file_should_be_is_refused_before_anything_is_touched(
    two_versions: Registry, path: str
) -> None:
    two_versions.pull("fraud:1", "out")
    Path("out", path).unlink()
    write_files(Path("out"), {f"{path}/mine": b"mine"})
    before = state_of(Path("out"))
    for force in (False, True):
        with pytest.raises(ConflictError, match=f"{path} is in the way of {path}; remove it"):
            two_versions.pull("fraud:2", "out", force=force)
    assert state_of(Path("out")) == before


def test_a_file_where_a_subfolder_should_be_is_refused(filled: Registry) -> None:
    write_files(Path("out"), {"variables": b"mine"})
    for force in (False, True):
        with pytest.raises(ConflictError, match="in the way"):
            filled.pull("fraud", "out", force=force)
    assert read_files(Path("out")) == {"variables": b"mine"}


@symlinks
def test_nothing_is_written_through_a_symlink_in_the_folder(filled: Registry) -> None:
    Path("elsewhere").mkdir()
    Path("out").mkdir()
    Path("out/variables").symlink_to(Path("elsewhere").absolute())
    for force in (False, True):
        with pytest.raises(ConflictError, match="in the way"):
            filled.pull("fraud", "out", force=force)
    assert not list(Path("elsewhere").iterdir())


@symlinks
def test_a_symlink_in_place_of_a_file_is_replaced_with_force_and_its_target_stays(filled: Registry) -> None:
    write_files(Path(), {"elsewhere": b"mine"})
    Path("out").mkdir()
    Path("out/saved_model.pb").symlink_to(Path("elsewhere").absolute())
    with pytest.raises(ConflictError, match=r"saved_model\.pb"):
        filled.pull("fraud", "out")
    filled.pull("fraud", "out", force=True)
    assert read_files(Path("out")) == FILES
    assert Path("elsewhere").read_bytes() == b"mine"


@symlinks
def test_leftovers_are_not_looked_for_through_a_symlink(two_versions: Registry) -> None:
    two_versions.pull("fraud:1", "out")
    shutil.move("out/assets", "elsewhere")
    Path("out/assets").symlink_to(Path("elsewhere").absolute())
    two_versions.pull("fraud:2", "out", force=True)
    assert read_files(Path("elsewhere")) == {"vocabulary.txt": b"a\nb\n"}


@symlinks
def test_a_symlink_to_a_folder_is_a_folder(filled: Registry) -> None:
    Path("real").mkdir()
    Path("out").symlink_to("real")
    filled.pull("fraud", "out")
    assert read_files(Path("real")) == FILES


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among the files of this system")
@pytest.mark.parametrize("path", ["empty", "modelreg.yaml"])
def test_a_pipe_in_the_way_does_not_make_it_wait_for_ever(run: Run, saved_model: Path, path: str) -> None:
    run("register", str(saved_model), "fraud")
    Path("out").mkdir()
    os.mkfifo(Path("out", path))
    ran = run("pull", "fraud", "-o", "out", timeout=20)
    assert ran.code == 5
    assert path in ran.err


# Damage


def test_damage_in_the_registry_leaves_an_existing_folder_as_it_was(two_versions: Registry, store: Store) -> None:
    two_versions.pull("fraud:1", "out")
    before = state_of(Path("out"))
    damage(store, "variables/new", lambda _: b"xyz")
    with pytest.raises(IntegrityError, match="variables/new"):
        two_versions.pull("fraud:2", "out", force=True)
    assert state_of(Path("out")) == before


# Two pulls into one folder at the same time

SECOND = {"empty": b"", "saved_model.pb": b"another graph", "variables/new": b"new"}
"""The files of fraud:2."""


class Meeting(WatchedStore):
    """A store whose two readers have both looked at the folder before either reads a file, if both come to that."""

    def __init__(self, inner: Store, both: threading.Barrier) -> None:
        super().__init__(inner)
        self._both = both

    def stream(self, key: str, start: int = 0) -> Iterator[Piece]:
        with suppress(threading.BrokenBarrierError):
            self._both.wait(0.5)
        return super().stream(key, start)


def _pull_at_once(store: Store, references: Sequence[str], *, force: bool) -> list[Pulled | ConflictError]:
    both = threading.Barrier(len(references))

    def pull(reference: str) -> Pulled | ConflictError:
        try:
            return Registry(Meeting(store, both)).pull(reference, "out", force=force)
        except ConflictError as error:
            return error

    with ThreadPoolExecutor(len(references)) as pool:
        return list(pool.map(pull, references))


@pytest.mark.parametrize("force", [False, True], ids=["", "force"])
@pytest.mark.parametrize("there", [False, True], ids=["a new folder", "an empty folder"])
def test_two_pulls_of_one_version_both_end_well_and_one_of_them_has_written(
    two_versions: Registry, store: Store, *, there: bool, force: bool
) -> None:
    if there:
        Path("out").mkdir()
    done = _pull_at_once(store, ("fraud:1", "fraud:1"), force=force)
    assert sorted(one.changed for one in done if isinstance(one, Pulled)) == [False, True]
    assert read_files(Path("out")) == FILES
    assert [path.name for path in Path().glob("**/.modelreg-*")] == []


@pytest.mark.parametrize("there", [False, True], ids=["a new folder", "an empty folder"])
def test_of_two_pulls_of_two_versions_one_is_refused(two_versions: Registry, store: Store, *, there: bool) -> None:
    if there:
        Path("out").mkdir()
    done = _pull_at_once(store, ("fraud:1", "fraud:2"), force=False)
    (pulled,) = (one for one in done if isinstance(one, Pulled))
    (refused,) = (one for one in done if isinstance(one, ConflictError))
    other = {1: 2, 2: 1}[pulled.version.number]
    assert str(refused).startswith(f"out holds {pulled.version}, not fraud:{other}; use --force")
    assert read_files(Path("out")) == {1: FILES, 2: SECOND}[pulled.version.number]


@pytest.mark.parametrize("there", [False, True], ids=["a new folder", "an empty folder"])
def test_two_forced_pulls_of_two_versions_leave_one_of_them_and_no_mixture(
    two_versions: Registry, store: Store, *, there: bool
) -> None:
    if there:
        Path("out").mkdir()
    done = _pull_at_once(store, ("fraud:1", "fraud:2"), force=True)
    assert all(isinstance(one, Pulled) and one.changed for one in done)
    left = PulledManifest.from_yaml(Path("out/modelreg.yaml").read_text(encoding="utf-8"))
    assert read_files(Path("out")) == {"fraud:1": FILES, "fraud:2": SECOND}[left.reference]


def test_whoever_waits_for_another_pull_is_told(filled: Registry) -> None:
    Path("out").mkdir()
    seen: list[Progress] = []
    released = threading.Event()

    def tell(progress: Progress) -> None:
        seen.append(progress)
        released.set()

    with ThreadPoolExecutor(1) as pool:
        with held(Path("out/.modelreg-lock")) as mine:
            assert mine is not None
            waiting = pool.submit(filled.pull, "fraud", "out", progress=tell)
            assert released.wait(30)
            while Progress("wait", 0, 0) not in seen:
                assert not waiting.done()
            assert sorted(path.name for path in Path("out").iterdir()) == [".modelreg-lock"]
        assert waiting.result(30).changed
    assert read_files(Path("out")) == FILES


def test_commands_that_pull_into_one_folder_at_once_all_exit_0(run: Run, saved_model: Path, tmp_path: Path) -> None:
    assert run("register", str(saved_model), "fraud").code == 0
    Path("out").mkdir()
    command = [sys.executable, "-m", "modelreg", "pull", "fraud", "-o", "out", "--registry", str(tmp_path / "registry")]
    pulls = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    answers = [pull.communicate(timeout=120) for pull in pulls]
    assert [pull.returncode for pull in pulls] == [0] * 4, answers
    assert read_files(Path("out")) == FILES
