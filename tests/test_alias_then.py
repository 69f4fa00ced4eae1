"""What an alias pointed at then: pull, show, diff and copy with --at."""

import json
from pathlib import Path

import pytest
from clocked_store import ClockedStore
from conftest import Run

from modelreg import Capture, NotFoundError, Registry, UsageError
from modelreg.store import Store
from modelreg.store.local import LocalStore

AT = {
    "before the first move": ("2026-10-01T11:59:59Z", None),
    "the day before the first move": ("2026-09-30", None),
    "the day of the first move, to its end": ("2026-10-01", 1),
    "the second of the first move": ("2026-10-01T12:00:00Z", 1),
    "the second before the second move": ("2026-10-05T11:59:59Z", 1),
    "the day of the second move, to its end": ("2026-10-05", 2),
    "the same second, elsewhere": ("2026-10-05T14:00:00+02:00", 2),
    "a second earlier, elsewhere": ("2026-10-05T13:59:59+02:00", 1),
    "while it was removed": ("2026-10-11", None),
    "the day it was removed": ("2026-10-10", None),
    "after it came back": ("2026-10-20", 3),
    "after it was rolled back": ("2026-10-25", 2),
    "long after": ("2099-12-31", 2),
}


@pytest.fixture
def moved(three: Registry, store: Store) -> Registry:
    """The same with moves of production on the 1st, 5th, 10th, 15th and 22nd of October."""
    clocked = ClockedStore(store)
    registry = Registry(clocked)
    registry.set_alias("fraud:1", "production")
    clocked.set("2026-10-05T12:00:00Z")
    registry.set_alias("fraud:2", "production")
    clocked.set("2026-10-10T12:00:00Z")
    registry.remove_alias("fraud", "production")
    clocked.set("2026-10-15T12:00:00Z")
    registry.set_alias("fraud:3", "production")
    clocked.set("2026-10-22T12:00:00Z")
    registry.roll_back_alias("fraud", "production")
    return registry


@pytest.mark.parametrize(("at", "number"), AT.values(), ids=list(AT))
def test_an_alias_can_be_asked_where_it_pointed_then(moved: Registry, at: str, number: int | None) -> None:
    if number is None:
        with pytest.raises(NotFoundError, match=r"fraud@production pointed at nothing at .*; see modelreg history"):
            moved.resolve("fraud@production", at=at)
    else:
        assert moved.resolve("fraud@production", at=at).number == number
        assert moved.show("fraud@production", at=at).version.number == number


def test_a_version_that_was_deleted_since_is_said_to_be(moved: Registry) -> None:
    moved.delete("fraud:1", why="leaked labels")
    with pytest.raises(NotFoundError, match=r"fraud:1 was deleted by anna on .*: leaked labels"):
        moved.resolve("fraud@production", at="2026-10-03")


def test_latest_was_the_highest_version_registered_by_then_that_is_still_live(
    store: Store, model: Path, captured: Capture
) -> None:
    clocked = ClockedStore(store)
    registry = Registry(clocked)
    for day in (1, 5, 10, 15):
        clocked.set(f"2026-10-{day:02}T12:00:00Z")
        registry.register(model, "fraud", capture=captured)
    registry.delete("fraud:3")
    for at, number in (("2026-10-01", 1), ("2026-10-05T11:59:59Z", 1), ("2026-10-05T12:00:00Z", 2), ("2026-10-12", 2)):
        for reference in ("fraud", "fraud@latest", "fraud:latest"):
            assert registry.resolve(reference, at=at).number == number
    assert registry.resolve("fraud", at="2026-10-15").number == 4
    with pytest.raises(NotFoundError, match="no version of fraud that is still there was registered until"):
        registry.resolve("fraud", at="2026-09-30")


@pytest.mark.parametrize("reference", ["fraud:1", f"fraud@sha256:{'0' * 64}"])
def test_a_reference_that_cannot_move_is_not_asked_where_it_pointed(three: Registry, reference: str) -> None:
    with pytest.raises(UsageError, match="is the same version at any time"):
        three.resolve(reference, at="2026-10-01")


def test_each_command_that_reads_a_version_can_be_asked_what_was_there_then(
    quick: Run, tmp_path: Path, model: Path, captured: Capture
) -> None:
    clocked = ClockedStore(LocalStore(tmp_path / "registry"))
    registry = Registry(clocked)
    for day, auc in ((1, "0.9"), (5, "0.8")):
        clocked.set(f"2026-10-{day:02}T12:00:00Z")
        registry.register(model, "fraud", capture=captured, metrics={"auc": auc}, aliases=["production"])
    then = ("fraud@production", "--at", "2026-10-03")
    assert quick("pull", *then).out == f"{Path('fraud', '1')}\n"
    assert "version: 1\n" in quick("show", *then).out
    assert quick("diff", "fraud@production", *then).out == "Metrics\n  ~ auc  0.9 -> 0.8  (-0.1)\n"
    there = str(tmp_path / "released")
    assert quick("copy", *then[:1], there, *then[1:]).err == f"Copied fraud:1 to {there} as fraud:1.\n"
    ran = quick("verify-env", *then, "--json")
    assert [report["reference"] for report in json.loads(ran.out)["results"]] == ["fraud:1"]
    assert quick("copy", "fraud:2", there, *then[1:]).code == 2


def test_verify_env_asks_for_what_the_project_names_as_it_was_then(
    quick: Run, tmp_path: Path, model: Path, captured: Capture
) -> None:
    clocked = ClockedStore(LocalStore(tmp_path / "registry"))
    registry = Registry(clocked)
    for day in (1, 5):
        clocked.set(f"2026-10-{day:02}T12:00:00Z")
        registry.register(model, "fraud", capture=captured, aliases=["production"])
    project = Path("pyproject.toml")
    project.write_text('[tool.modelreg.models]\nfraud = "@production"\n')
    ran = quick("verify-env", "--at", "2026-10-03", "--json")
    assert [report["reference"] for report in json.loads(ran.out)["results"]] == ["fraud:1"]
    project.write_text('[tool.modelreg.models]\nfraud = "2"\n')
    ran = quick("verify-env", "--at", "2026-10-03")
    assert (ran.code, "fraud:2 is the same version at any time" in ran.err) == (2, True)


def test_verify_env_does_not_ask_a_pulled_folder_what_it_was_then(quick: Run, model: Path) -> None:
    assert quick("register", str(model), "fraud").code == 0
    assert quick("pull", "fraud").code == 0
    for references in (["fraud/1"], ["fraud", "fraud/1"], []):
        ran = quick("verify-env", *references, "--at", "2026-10-03")
        assert (ran.code, ran.out) == (2, "")
        assert "fraud/1" in ran.err
        assert "was pulled, and is the same version at any time" in ran.err


@pytest.mark.parametrize("command", ["pull", "show", "verify-env"])
@pytest.mark.parametrize("at", ["", "yesterday"])
def test_what_is_no_time_is_refused(quick: Run, model: Path, command: str, at: str) -> None:
    assert quick("register", str(model), "fraud", "--alias", "production").code == 0
    ran = quick(command, "fraud@production", "--at", at)
    assert (ran.code, ran.out) == (2, "")
    assert f"{at!r} is no time" in ran.err
