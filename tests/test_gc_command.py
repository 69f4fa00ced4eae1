"""modelreg gc at the command line: what it prints, what it asks, how it ends; and killed writers, on a folder."""

import json
import os
from pathlib import Path

import pytest
from conftest import Run
from folders import damage_record
from terminal import on_terminal, plain

from modelreg import Capture, Registry
from modelreg.store.local import STAGING, LocalStore


@pytest.fixture
def deleted(beside: Registry, model: Path, captured: Capture) -> str:
    """The upload of fraud:2, which was deleted just now; fraud:1 is live."""
    beside.register(model, "fraud", capture=captured)
    Path("other.pkl").write_bytes(b"x" * 2000)
    version = beside.register("other.pkl", "fraud", capture=captured).version
    beside.delete(version, why="leaked labels")
    return version.artifact.upload


def files(beside: Registry) -> list[str]:
    return [entry.key for entry in LocalStore(Path(beside.url)).entries("models/fraud/artifacts/")]


def test_it_prints_what_would_go_and_how_to_let_it_go(beside: Registry, deleted: str, quick: Run) -> None:
    before = files(beside)
    ran = quick("gc", "--grace", "0h")
    assert (ran.code, ran.out) == (0, f"fraud/{deleted}  2.0 kB  fraud:2\n")
    assert ran.err == "This would free 2.0 kB; do it with modelreg gc --apply.\n"
    assert files(beside) == before
    ran = quick("gc", "--grace", "0h", "-q")
    assert (ran.code, ran.out, ran.err) == (0, f"fraud/{deleted}\n", "")


def test_it_prints_what_went(beside: Registry, deleted: str, quick: Run) -> None:
    ran = quick("gc", "--grace", "0h", "--apply", "--yes")
    assert (ran.code, ran.out, ran.err) == (0, f"fraud/{deleted}  2.0 kB  fraud:2\n", "Freed 2.0 kB.\n")
    assert len(files(beside)) == 1
    ran = quick("gc", "--grace", "0h", "--apply", "--yes")
    assert (ran.code, ran.out, ran.err) == (
        0,
        "",
        "Nothing to collect.\n",
    )


def test_it_is_told_in_json(deleted: str, quick: Run) -> None:
    expected = {
        "garbage": [{"model": "fraud", "upload": deleted, "size": 2000, "versions": ["fraud:2"]}],
        "leftovers": 0,
        "size": 2000,
    }
    assert json.loads(quick("gc", "--grace", "0h", "--json").out) == {**expected, "applied": False}
    assert json.loads(quick("gc", "--grace", "0h", "--apply", "-y", "--json").out) == {**expected, "applied": True}


def test_a_day_is_the_grace_unless_said_otherwise(beside: Registry, deleted: str, quick: Run) -> None:
    ran = quick("gc", "--apply")
    assert (ran.code, ran.out, ran.err) == (
        0,
        "",
        "Nothing to collect. What began, or was deleted, less than 24h ago stays; see --grace.\n",
    )
    assert len(files(beside)) == 2


@pytest.mark.parametrize("grace", ["0s", "23h", "1439m"])
@pytest.mark.parametrize("how", [(), ("--no-input",)])
def test_less_than_a_day_has_to_be_confirmed(
    beside: Registry, deleted: str, quick: Run, grace: str, how: tuple[str, ...]
) -> None:
    ran = quick("gc", "--apply", "--grace", grace, *how)
    assert (ran.code, ran.out) == (2, "")
    assert "Remove files of versions deleted less than 24 hours ago from " in ran.err
    assert ran.err.endswith("Nobody can be asked here; say --yes\n")
    assert len(files(beside)) == 2


@pytest.mark.parametrize(("typed", "left"), [("y\n", 1), ("n\n", 2), ("\n", 2)])
def test_on_a_terminal_it_asks(beside: Registry, deleted: str, typed: str, left: int) -> None:
    shown = " ".join(plain(on_terminal("gc", "--apply", "--grace", "0", typed=typed, MODELREG_REGISTRY=beside.url)))
    assert "for good? [y/N]" in shown
    assert len(files(beside)) == left


def test_a_dry_run_asks_nothing(beside: Registry, deleted: str) -> None:
    shown = " ".join(plain(on_terminal("gc", "--grace", "0", MODELREG_REGISTRY=beside.url)))
    assert "[y/N]" not in shown
    assert "This would free 2.0 kB" in shown


@pytest.mark.parametrize("grace", ["", "soon", "-1h", "1.5h"])
def test_a_grace_that_is_no_duration_is_refused(deleted: str, quick: Run, grace: str) -> None:
    ran = quick("gc", "--grace", grace)
    assert (ran.code, ran.out) == (2, "")
    assert "write 24h, 7d or 90m" in ran.err


def test_a_damaged_record_ends_in_code_6_and_the_other_models_are_done(
    beside: Registry, deleted: str, captured: Capture, quick: Run
) -> None:
    other = beside.register("other.pkl", "zebra", capture=captured).version
    beside.delete(other)
    damage_record(LocalStore(Path(beside.url)), "models/fraud/versions/00000001.json", lambda data: data[:-1])
    before = files(beside)
    ran = quick("gc", "--apply", "--grace", "0", "--yes", "-q")
    assert (ran.code, ran.out) == (6, f"zebra/{other.artifact.upload}\n")
    assert ran.err.startswith("error: nothing of fraud was collected, because the record models/fraud/versions/0000000")
    assert files(beside) == before


def test_what_killed_writers_left_is_swept_once_it_is_old_enough(beside: Registry, deleted: str, quick: Run) -> None:
    staging = Path(beside.url, STAGING)
    for name, age in (("old", 25 * 3600), ("young", 23 * 3600)):
        (staging / name).write_bytes(b"x" * 1000)
        written = (staging / name).stat().st_mtime - age
        os.utime(staging / name, (written, written))
    ran = quick("gc")
    assert ran.out == "half-written files of writers that were killed  1.0 kB\n"
    assert ran.err == "This would free 1.0 kB; do it with modelreg gc --apply.\n"
    assert json.loads(quick("gc", "--apply", "--json").out)["leftovers"] == 1000
    assert [path.name for path in staging.iterdir()] == ["young"]


def test_a_collected_version_is_said_to_be_everywhere(deleted: str, quick: Run) -> None:
    quick("gc", "--apply", "--grace", "0", "--yes")
    assert "fraud:2" not in quick("list", "fraud").out
    assert "(collected)" in quick("list", "fraud", "--all").out
    states = {
        version["version"]: version["state"]
        for version in json.loads(quick("list", "fraud", "--all", "--json").out)["versions"]
    }
    assert states == {1: "live", 2: "collected"}
    last = json.loads(quick("history", "fraud", "--json").out)["history"][-1]
    assert (last["kind"], last["version"], last["created_by"]) == ("collected", 2, "anna")
    for command in ("pull", "show", "restore"):
        ran = quick(command, "fraud:2")
        assert (ran.code, ran.out) == (4, "")
        assert "gone" in ran.err
