"""modelreg delete and restore, by one person at a time."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from hand_made import put_collection
from terminal import on_terminal, plain

from modelreg import Capture, ConflictError, NotFoundError, Registry, UsageError
from modelreg.store import Store
from modelreg.version import State


def _steps(store: Store, version: int) -> list[tuple[str, str, str]]:
    keys = [entry.key for entry in store.entries(f"models/fraud/deletions/{version:08d}/")]
    records = [json.loads(store.read(key, 10_000)) for key in keys]
    return [(record["state"], record["created_by"], record["why"]) for record in records]


def test_a_deleted_version_is_gone_from_lists_and_is_no_longer_the_latest(three: Registry, store: Store) -> None:
    deleted = three.delete("fraud:3", why="leaked labels")
    assert (deleted.number, deleted.state) == (3, State.DELETED)
    assert _steps(store, 3) == [("deleted", "anna", "leaked labels")]
    assert [version.number for version in three.versions("fraud")] == [2, 1]
    assert three.resolve("fraud").number == 2
    assert three.models()[0].versions == 2


USES: dict[str, Callable[[Registry, Capture], object]] = {
    "resolve": lambda registry, _: registry.resolve("fraud:3"),
    "show": lambda registry, _: registry.show("fraud:3"),
    "pull": lambda registry, _: registry.pull("fraud:3", "out"),
    "verify-env": lambda registry, captured: registry.verify_env("fraud:3", environment=captured),
    "diff": lambda registry, _: registry.diff("fraud:1", "fraud:3"),
    "annotate": lambda registry, _: registry.annotate("fraud:3", tags={"a": "b"}),
    "alias set": lambda registry, _: registry.set_alias("fraud:3", "production"),
    "copy": lambda registry, _: registry.copy("fraud:3", registry),
    "delete": lambda registry, _: registry.delete("fraud:3"),
}


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_a_deleted_version_says_by_whom_when_and_why_and_what_to_do(
    three: Registry, store: Store, captured: Capture, use: Callable[[Registry, Capture], object]
) -> None:
    three.delete("fraud:3", why="leaked labels")
    before = list(store.entries(""))
    said = r"^fraud:3 was deleted by anna on \d{4}-\d\d-\d\d: leaked labels; modelreg restore fraud:3 brings it back$"
    with pytest.raises(NotFoundError, match=said):
        use(three, captured)
    assert list(store.entries("")) == before
    assert not Path("out").exists()


def test_its_digest_no_longer_finds_it(three: Registry) -> None:
    digest = three.resolve("fraud:3").digest
    assert three.resolve(f"fraud@{digest}").number == 3
    three.delete("fraud:3")
    with pytest.raises(NotFoundError, match="no version of fraud has the digest"):
        three.resolve(f"fraud@{digest}")


@pytest.mark.parametrize("reference", ["fraud:2", "fraud@production", "fraud@staging"])
def test_a_version_is_not_deleted_while_an_alias_points_at_it(three: Registry, store: Store, reference: str) -> None:
    for alias in ("production", "staging"):
        three.set_alias("fraud:2", alias)
    with pytest.raises(ConflictError, match="fraud@production points at fraud:2, so it was not deleted; move the"):
        three.delete(reference)
    assert _steps(store, 2) == []
    three.set_alias("fraud:3", "production")
    with pytest.raises(ConflictError, match="fraud@staging points at fraud:2"):
        three.delete(reference if "production" not in reference else "fraud:2")
    three.remove_alias("fraud", "staging")
    assert three.delete("fraud:2").state is State.DELETED


def test_a_restored_version_is_as_it_was(three: Registry, store: Store, model: Path) -> None:
    three.annotate("fraud:3", tags={"stage": "live"})
    before = three.resolve("fraud:3")
    three.delete("fraud:3", why="leaked labels")
    assert three.restore("fraud:3", why="a mistake") == before == three.resolve("fraud")
    assert _steps(store, 3) == [
        ("deleted", "anna", "leaked labels"),
        ("restoring", "anna", "a mistake"),
        ("restored", "anna", "a mistake"),
    ]
    three.pull("fraud:3", "out")
    assert Path("out", "model.pkl").read_bytes() == model.read_bytes()
    three.delete("fraud:3", why="no mistake")
    with pytest.raises(NotFoundError, match="no mistake"):
        three.resolve("fraud:3")
    assert three.restore("fraud:3") == before


def test_restoring_what_is_live_changes_nothing(three: Registry, store: Store) -> None:
    assert three.restore("fraud:3") == three.resolve("fraud:3")
    assert _steps(store, 3) == []


REFERENCES: dict[str, tuple[str, type[Exception], str]] = {
    "the latest, which cannot be a deleted one": ("fraud", UsageError, "name the version by its number, as in fraud:3"),
    "an alias": ("fraud@production", UsageError, "name the version by its number, as in fraud:3"),
    "a digest": (f"fraud@sha256:{'0' * 64}", UsageError, "name the version by its number"),
    "a number beyond": ("fraud:4", NotFoundError, "fraud has no version 4; its highest is 3"),
    "another model": ("churn:1", NotFoundError, "there is no model churn"),
    "no reference": ("fraud:", UsageError, "a version is a number"),
}


@pytest.mark.parametrize(("reference", "kind", "said"), REFERENCES.values(), ids=list(REFERENCES))
def test_what_cannot_be_restored_is_said(three: Registry, reference: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        three.restore(reference)


def test_a_collected_version_says_that_its_files_are_gone(three: Registry, store: Store) -> None:
    three.delete("fraud:3", why="leaked labels")
    upload = three.resolve("fraud:1").artifact.upload
    put_collection(store, 1, [upload], [upload])
    with pytest.raises(NotFoundError, match=r"^fraud:3 was deleted by anna on .*: leaked labels; its files are gone$"):
        three.resolve("fraud:3")
    with pytest.raises(NotFoundError, match="fraud:3 cannot be restored: its files were collected, and are gone"):
        three.restore("fraud:3")
    assert _steps(store, 3) == [("deleted", "anna", "leaked labels")]


def test_numbers_never_come_back(three: Registry, model: Path, captured: Capture) -> None:
    for number in (3, 2, 1):
        three.delete(f"fraud:{number}")
    with pytest.raises(NotFoundError, match="all versions of fraud were deleted; see modelreg list fraud --all"):
        three.resolve("fraud")
    assert three.models() == ()
    assert three.register(model, "fraud", capture=captured).version.number == 4
    assert three.resolve("fraud").number == 4


def test_the_files_of_a_deleted_version_are_still_shared_but_not_reused(
    three: Registry, store: Store, model: Path, captured: Capture
) -> None:
    before = [entry.key for entry in store.entries("models/fraud/artifacts/")]
    three.delete("fraud:3")
    three.pull("fraud:1", "out")
    three.delete("fraud:1")
    three.delete("fraud:2")
    assert [entry.key for entry in store.entries("models/fraud/artifacts/")] == before
    assert three.register(model, "fraud", capture=captured).uploaded


# The commands


@pytest.fixture
def two(beside: Registry, model: Path, captured: Capture) -> Registry:
    """The registry that commands work on, with fraud:1 and fraud:2."""
    for _ in range(2):
        beside.register(model, "fraud", capture=captured)
    return beside


def test_delete_and_restore_print_the_reference_and_say_what_was_done(two: Registry, run: Run) -> None:
    ran = run("delete", "fraud:2", "--yes", "--why", "leaked labels")
    assert (ran.code, ran.out) == (0, "fraud:2\n")
    assert ran.err == "Deleted fraud:2; modelreg restore fraud:2 brings it back until gc takes its files.\n"
    ran = run("restore", "fraud:2")
    assert (ran.code, ran.out, ran.err) == (0, "fraud:2\n", "fraud:2 is live.\n")
    ran = run("delete", "fraud:2", "-y", "-q")
    assert (ran.code, ran.out, ran.err) == (0, "fraud:2\n", "")
    ran = run("restore", "fraud:2", "-q")
    assert (ran.code, ran.out, ran.err) == (0, "fraud:2\n", "")


def test_delete_and_restore_are_told_in_json(two: Registry, run: Run) -> None:
    answer = json.loads(run("delete", "fraud:2", "--yes", "--why", "leaked labels", "--json").out)
    assert answer == {"reference": "fraud:2", "state": "deleted", "why": "leaked labels"}
    answer = json.loads(run("restore", "fraud:2", "--why", "a mistake", "--json").out)
    assert answer == {"reference": "fraud:2", "state": "live", "why": "a mistake"}


@pytest.mark.parametrize("command", [["pull"], ["show"], ["verify-env"], ["alias", "set"], ["delete", "--yes"]])
def test_every_command_says_that_a_version_was_deleted_and_by_whom(two: Registry, run: Run, command: list[str]) -> None:
    two.delete("fraud:2", why="leaked labels")
    ran = run(*command, "fraud:2", *(["production"] if command[0] == "alias" else []))
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith("error: fraud:2 was deleted by anna on ")
    assert ran.err.endswith(": leaked labels; modelreg restore fraud:2 brings it back\n")


REFUSED = {
    "where nobody can be asked": (["delete", "fraud:2"], 2, "Nobody can be asked here; say --yes"),
    "where nobody may be asked": (["delete", "fraud:2", "--no-input"], 2, "Nobody can be asked here; say --yes"),
    "while an alias points there": (["delete", "fraud:1", "--yes"], 5, "fraud@production points at fraud:1"),
    "and nobody is asked for that": (["delete", "fraud:1"], 5, "fraud@production points at fraud:1"),
    "without a version": (["delete", "fraud:3", "--yes"], 4, "fraud has no version 3; its highest is 2"),
    "without a reference": (["delete", "fraud:", "--yes"], 2, "a version is a number from 1"),
    "restoring the latest": (["restore", "fraud"], 2, "name the version by its number, as in fraud:3"),
    "restoring what never was": (["restore", "fraud:3"], 4, "fraud has no version 3; its highest is 2"),
}


@pytest.mark.parametrize(("command", "code", "said"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_not_done_ends_with_its_own_code(
    two: Registry, run: Run, command: list[str], code: int, said: str
) -> None:
    two.set_alias("fraud:1", "production")
    ran = run(*command)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert [version.number for version in two.versions("fraud")] == [2, 1]


ANSWERS = {
    "yes": ("y\n", True),
    "no": ("n\n", False),
    "nothing": ("\n", False),
    "something else first": ("what?\ny\n", True),
    "the end of the input": ("\x04", False),
}


@pytest.mark.parametrize(("typed", "deleted"), ANSWERS.values(), ids=list(ANSWERS))
def test_on_a_terminal_it_asks_and_does_what_it_is_told(two: Registry, typed: str, deleted: bool) -> None:
    shown = " ".join(plain(on_terminal("delete", "fraud:2", typed=typed, MODELREG_REGISTRY=two.url)))
    assert "Delete fraud:2, registered " in shown
    assert " by anna? [y/N]: " in shown
    assert ("Deleted fraud:2; " in shown) == deleted
    assert ("error: nothing was done" in shown) == (not deleted)
    assert [version.number for version in two.versions("fraud")] == ([1] if deleted else [2, 1])


@pytest.mark.parametrize(("option", "deleted"), [("--yes", True), ("--no-input", False)])
def test_on_a_terminal_it_does_not_ask_who_does_not_want_to_be_asked(two: Registry, option: str, deleted: bool) -> None:
    shown = " ".join(plain(on_terminal("delete", "fraud:2", option, MODELREG_REGISTRY=two.url)))
    assert "[y/N]" not in shown
    assert [version.number for version in two.versions("fraud")] == ([1] if deleted else [2, 1])


def test_the_shell_offers_the_versions_that_can_be_restored(two: Registry, run: Run, tmp_path: Path) -> None:
    two.delete("fraud:2")
    for command, offered in (("restore", ["fraud:2"]), ("delete", ["fraud:1"])):
        completing = {"_MODELREG_COMPLETE": "complete_bash", "COMP_CWORD": "2"}
        assert run(**completing, COMP_WORDS=f"modelreg\n{command}\nfraud:").out.split() == offered
        assert run(**completing, COMP_WORDS=f"modelreg\n{command}\nfraud:9").out.split() == []
