"""modelreg pull: every byte verified, nothing in place before all of it is right, nobody's files lost."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from conftest import Run
from environments import make_place
from folders import FILES, damage, read_files, write_files
from watched_store import WatchedStore

from modelreg import (
    Capture,
    EnvironmentMismatchError,
    IntegrityError,
    NotFoundError,
    Package,
    Progress,
    Registry,
)
from modelreg.digest import Piece
from modelreg.store import Store
from modelreg.store.local import LocalStore


def test_a_new_folder_holds_the_files_and_the_manifest_and_nothing_else(filled: Registry) -> None:
    pulled = filled.pull("fraud", "deep/down/model")
    assert (pulled.folder, pulled.changed, pulled.version.reference) == (Path("deep/down/model"), True, "fraud:1")
    assert read_files(pulled.folder) == FILES
    assert {path.name for path in pulled.folder.iterdir()} == {
        *("assets", "empty", "saved_model.pb", "variables", "modelreg.yaml")
    }
    assert [path.name for path in Path("deep/down").iterdir()] == ["model"]


def test_the_manifest_lists_what_pip_can_install(filled: Registry) -> None:
    folder = filled.pull("fraud").folder
    manifest = yaml.safe_load((folder / "modelreg.yaml").read_text(encoding="utf-8"))
    assert manifest["dependencies"] == ["joblib==1.5.1", "numpy==2.1.0", "scikit-learn==1.5.2"]


def test_without_a_folder_it_goes_to_model_and_version(filled: Registry) -> None:
    assert filled.pull("fraud@latest").folder == Path("fraud", "1")
    assert Path("fraud/1/saved_model.pb").read_bytes() == FILES["saved_model.pb"]


def test_a_folder_of_200_files_comes_back_as_it_was(registry: Registry, captured: Capture) -> None:
    files = {f"part-{number % 7}/{number}.bin": bytes([number]) * number for number in range(200)}
    registry.register(write_files(Path("many"), files), "fraud", capture=captured)
    assert read_files(registry.pull("fraud", "out").folder) == files


def test_progress_counts_every_byte_once(filled: Registry) -> None:
    seen: list[Progress] = []
    filled.pull("fraud", "out", progress=seen.append)
    total = sum(map(len, FILES.values()))
    assert {step.stage for step in seen} == {"download"}
    assert seen[-1] == Progress("download", total, total)
    assert [step.done for step in seen] == sorted(step.done for step in seen)


# Damage in the registry


DAMAGE: dict[str, tuple[Callable[[bytes], bytes | None], str]] = {
    "deleted": (lambda _: None, "is missing"),
    "flipped first": (lambda data: bytes([data[0] ^ 1]) + data[1:], "has other bytes"),
    "flipped last": (lambda data: data[:-1] + bytes([data[-1] ^ 128]), "has other bytes"),
    "truncated": (lambda data: data[:-1], "has fewer"),
    "emptied": (lambda _: b"", "has fewer"),
    "grown": (lambda data: data + b"x", "has more"),
    "doubled": (lambda data: data + data, "has more"),
}


@pytest.mark.parametrize("path", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
@pytest.mark.parametrize(("change", "what"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_in_the_registry_is_named_and_leaves_nothing_behind(
    filled: Registry, store: Store, change: Callable[[bytes], bytes | None], what: str, path: str
) -> None:
    damage(store, path, change)
    before = sorted(Path().iterdir())
    with pytest.raises(IntegrityError, match=f"fraud:1 is damaged in the registry: {path} {what}"):
        filled.pull("fraud", "deep/down/model")
    assert sorted(Path().iterdir()) == before


def test_an_empty_file_that_is_gone_or_has_grown_is_noticed_too(filled: Registry, store: Store) -> None:
    damage(store, "empty", lambda _: b"x")
    with pytest.raises(IntegrityError, match="empty has more"):
        filled.pull("fraud", "out")
    damage(store, "empty", lambda _: None)
    with pytest.raises(IntegrityError, match="empty is missing"):
        filled.pull("fraud", "out")
    assert not Path("out").exists()


def test_a_file_that_grows_without_end_is_not_read_to_its_end(filled: Registry, store: Store) -> None:
    read = 0

    class Endless(WatchedStore):
        def stream(self, key: str, start: int = 0) -> Iterator[Piece]:
            nonlocal read
            while True:
                read += 1
                yield b"x" * 1000

    with pytest.raises(IntegrityError, match="has more"):
        Registry(Endless(store)).pull("fraud", "out")
    assert read < 10


def test_the_command_names_the_file_exits_6_and_leaves_no_folder(quick: Run, saved_model: Path, tmp_path: Path) -> None:
    quick("register", str(saved_model), "fraud")
    damage(LocalStore(tmp_path / "registry"), "saved_model.pb", lambda data: data.replace(b"g", b"h", 1))
    ran = quick("pull", "fraud:1")
    assert (ran.code, ran.out) == (6, "")
    assert ran.err == (
        "error: fraud:1 is damaged in the registry: saved_model.pb has other bytes than those that were registered; "
        "nothing was written\n"
    )
    assert not Path("fraud").exists()


# The environment


def test_with_verify_env_nothing_is_read_when_the_environment_does_not_fit(
    filled: Registry, store: Store, captured: Capture
) -> None:
    streamed: list[str] = []

    class Streaming(WatchedStore):
        def stream(self, key: str, start: int = 0) -> Iterator[Piece]:
            streamed.append(key)
            return self.inner.stream(key)

    watched = Registry(Streaming(store))
    other = captured._replace(environment=captured.environment._replace(packages=(Package("numpy", "2.2.0"),)))
    with pytest.raises(EnvironmentMismatchError, match=r"joblib is not installed.*modelreg verify-env fraud:1"):
        watched.pull("fraud", "out", environment=other)
    assert not streamed
    assert not Path("out").exists()
    watched.pull("fraud", "out", environment=captured)
    assert len(streamed) == len(FILES)


def test_the_command_refuses_an_environment_that_does_not_fit_with_exit_3(quick: Run, model: Path) -> None:
    make_place(Path("bare"))
    quick("register", str(model), "fraud")
    ran = quick("pull", "fraud", "--verify-env", "--python", "bare")
    assert (ran.code, ran.out) == (3, "")
    assert "does not fit fraud:1, so nothing was pulled: " in ran.err
    assert re.search(r"see modelreg verify-env fraud:1 --python \S*bare\S+$", ran.err.strip())
    assert not Path("fraud").exists()
    assert quick("pull", "fraud", "--verify-env").code == 0


# The command


def test_the_command_prints_the_folder_alone_on_stdout(run: Run, model: Path) -> None:
    run("register", str(model), "fraud")
    ran = run("pull", "fraud")
    assert (ran.code, ran.out) == (0, f"{Path('fraud/1')}\n")
    assert ran.err.startswith("Pulled fraud:1: 1 file, ")
    again = run("pull", "fraud")
    assert (again.code, again.out) == (0, ran.out)
    assert "is there already" in again.err
    quiet = run("pull", "fraud", "-q")
    assert (quiet.out, quiet.err) == (ran.out, "")


def test_json_tells_where_it_is_and_whether_anything_changed(quick: Run, model: Path) -> None:
    quick("register", str(model), "fraud")
    answers = [json.loads(quick("pull", "fraud", "-o", "out", "--json").out) for _ in range(2)]
    assert [answer["changed"] for answer in answers] == [True, False]
    assert answers[0] | {"changed": False} == answers[1]
    assert (answers[0]["reference"], answers[0]["folder"]) == ("fraud:1", "out")


def test_there_is_no_version_to_pull(filled: Registry) -> None:
    for reference in ("fraud:2", "other", "fraud@production", "fraud@sha256:" + "0" * 64):
        with pytest.raises(NotFoundError):
            filled.pull(reference, "out")
    assert not Path("out").exists()
