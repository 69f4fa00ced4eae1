"""modelreg alias, and aliases in other commands, as they are typed: what is printed, and how it ends."""

import json
from pathlib import Path

import pytest
from clocked_store import ClockedStore
from conftest import Run
from terminal import on_terminal, plain

from modelreg import Capture, Registry


@pytest.fixture
def three(beside: Registry, model: Path, captured: Capture) -> Registry:
    """The registry that commands work on, with fraud:1, fraud:2 and fraud:3."""
    for _ in range(3):
        beside.register(model, "fraud", capture=captured)
    return beside


def test_each_move_prints_where_the_alias_points_and_says_where_it_did(three: Registry, run: Run) -> None:
    told = [
        (["set", "fraud:1", "production"], "fraud:1\n", "fraud@production points at fraud:1.\n"),
        (["set", "fraud:2", "production"], "fraud:2\n", "fraud@production points at fraud:2 (was fraud:1).\n"),
        (["set", "fraud:2", "production"], "fraud:2\n", "fraud@production points at fraud:2 already.\n"),
        (["rollback", "fraud", "production"], "fraud:1\n", "fraud@production points at fraud:1 (was fraud:2).\n"),
        (["rm", "fraud", "production"], "", "fraud@production is removed (was fraud:1).\n"),
        (["set", "fraud", "production", "-q"], "fraud:3\n", ""),
        (["rm", "fraud", "production", "-q"], "", ""),
    ]
    for arguments, out, err in told:
        ran = run("alias", *arguments)
        assert (ran.code, ran.out, ran.err) == (0, out, err)


def test_each_move_is_told_in_json(three: Registry, run: Run) -> None:
    told = [
        (["set", "fraud:1", "production"], (None, 1, True)),
        (["set", "fraud:2", "production"], (1, 2, True)),
        (["set", "fraud:2", "production"], (2, 2, False)),
        (["rollback", "fraud", "production"], (2, 1, True)),
        (["rm", "fraud", "production"], (1, None, True)),
    ]
    for arguments, (before, after, moved) in told:
        ran = run("alias", *arguments, "--json")
        expected = {"model": "fraud", "alias": "production", "before": before, "after": after, "moved": moved}
        assert (ran.code, json.loads(ran.out)) == (0, expected)


REFUSED = {
    "no such version": (["set", "fraud:9", "production"], 4, "fraud has no version 9"),
    "no such model": (["set", "churn:1", "production"], 4, "there is no model churn"),
    "latest": (["set", "fraud:1", "latest"], 2, "'latest' is reserved"),
    "a malformed name": (["set", "fraud:1", "Production"], 2, "such as production"),
    "a malformed reference": (["set", "fraud:x:y", "production"], 2, "'x:y' cannot be the name of an alias"),
    "nothing to remove": (["rm", "fraud", "production"], 4, "fraud has no alias production; its aliases: staging"),
    "nothing to go back to": (["rollback", "fraud", "staging"], 4, "has not pointed at another version before"),
    "no such alias to roll back": (["rollback", "fraud", "production"], 4, "fraud has no alias production"),
    "aliases of no such model": (["list", "churn"], 4, "there is no model churn"),
    "half a command": (["set", "fraud:1"], 2, "Missing argument 'NAME'"),
}


@pytest.mark.parametrize(("arguments", "code", "said"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_done_is_said_in_one_sentence(
    three: Registry, run: Run, arguments: list[str], code: int, said: str
) -> None:
    three.set_alias("fraud:1", "staging")
    ran = run("alias", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_aliases_are_listed_with_since_when_by_whom_and_why(
    three: Registry, run: Run, model: Path, captured: Capture
) -> None:
    three.register(model, "churn", capture=captured, aliases=["staging"])
    clocked = ClockedStore(three._store)
    clocked.set("2026-10-05T12:34:56Z")
    Registry(clocked).set_alias("fraud:2", "production", why="passed review")
    assert run("alias", "list", "fraud").out.splitlines() == [
        "ALIAS             VERSION  SINCE (UTC)       BY    WHY",
        "fraud@production  fraud:2  2026-10-05 12:34  anna  passed review",
    ]
    assert run("alias", "list", "-q").out == "churn@staging\nfraud@production\n"
    answer = json.loads(run("alias", "list", "--json").out)
    assert [one["alias"] for one in answer["aliases"]] == ["staging", "production"]
    assert answer["aliases"][1] == {
        "model": "fraud",
        "alias": "production",
        "version": 2,
        "moved": "2026-10-05T12:34:56Z",
        "by": "anna",
        "why": "passed review",
    }
    shown = plain(on_terminal("alias", "list", "fraud", MODELREG_REGISTRY=three.url))
    assert [line.split() for line in shown if "production" in line] == [
        ["fraud@production", "fraud:2", "2026-10-05", "12:34", "anna", "passed", "review"]
    ]


def test_where_there_are_no_aliases_one_is_told_how_to_make_one(three: Registry, run: Run) -> None:
    ran = run("alias", "list", "fraud")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "There are no aliases in fraud. Make one: modelreg alias set fraud:3 production\n"
    assert json.loads(run("alias", "list", "fraud", "--json").out) == {"aliases": []}


def test_a_new_version_can_get_its_aliases_at_once(three: Registry, run: Run, model: Path) -> None:
    three.set_alias("fraud:1", "staging")
    ran = run("register", str(model), "fraud", "--alias", "staging", "--alias", "canary", "--json")
    assert (ran.code, json.loads(ran.out)["aliases"]) == (0, ["canary", "staging"])
    assert three.resolve("fraud@staging").number == 4
    assert {one.why for one in three.aliases()} == {"registered"}


def test_a_version_is_not_registered_for_an_alias_that_cannot_be(run: Run, model: Path, tmp_path: Path) -> None:
    ran = run("register", str(model), "fraud", "--alias", "staging", "--alias", "latest")
    assert (ran.code, ran.out) == (2, "")
    assert not (tmp_path / "registry").exists()


@pytest.mark.parametrize("reference", ["fraud@production", "fraud:production"])
def test_an_alias_is_pulled_and_shown_as_the_version_it_points_at(three: Registry, run: Run, reference: str) -> None:
    three.set_alias("fraud:2", "production")
    ran = run("pull", reference)
    assert (ran.code, Path(ran.out.strip())) == (0, Path("fraud", "2"))
    assert Path("fraud", "2", "model.pkl").exists()
    assert run("show", reference, "-q").out == "fraud:2\n"
    assert run("show", reference).out == "# Aliases: production.\n" + Path("fraud", "2", "modelreg.yaml").read_text()
    assert json.loads(run("show", reference, "--json").out)["aliases"] == ["production"]


AT = {
    "a day": ("fraud@production", "2026-10-05", 0, "fraud:2\n"),
    "a day, spelled with a colon": ("fraud:production", "2026-10-05", 0, "fraud:2\n"),
    "a time": ("fraud@production", "2026-10-05T11:59:59Z", 0, "fraud:1\n"),
    "before the first move": ("fraud@production", "2026-09-30", 4, "pointed at nothing at 2026-09-30T23:59:59Z"),
    "no time": ("fraud@production", "yesterday", 2, "write 2026-11-22 or 2026-11-22T14:30:00Z"),
    "of a version by number": ("fraud:1", "2026-10-05", 2, "fraud:1 is the same version at any time"),
    "of an alias that never was": ("fraud@canary", "2026-10-05", 4, "fraud@canary pointed at nothing"),
}


@pytest.mark.parametrize(("reference", "at", "code", "said"), AT.values(), ids=list(AT))
def test_pull_and_show_ask_what_it_pointed_at_then(
    three: Registry, run: Run, reference: str, at: str, code: int, said: str
) -> None:
    clocked = ClockedStore(three._store)
    Registry(clocked).set_alias("fraud:1", "production")
    clocked.set("2026-10-05T12:00:00Z")
    Registry(clocked).set_alias("fraud:2", "production")
    shown = run("show", reference, "--at", at, "-q")
    assert shown.code == code
    assert said in (shown.err if code else shown.out)
    pulled = run("pull", reference, "--at", at, "-o", "out")
    assert pulled.code == code
    assert Path("out", "modelreg.yaml").exists() == (code == 0)
    if code == 0:
        assert f"Pulled {said.strip()}:" in pulled.err


COMPLETED = {
    "of the reference's model": ("alias set fraud:1 ", ["production", "staging"]),
    "that begin so": ("alias set fraud:1 p", ["production"]),
    "of the model": ("alias rm fraud ", ["production", "staging"]),
    "of another model": ("alias rollback churn ", ["candidate"]),
    "of no such model": ("alias rm absent ", []),
    "of all models": ("list --alias ", ["candidate", "production", "staging"]),
}


@pytest.mark.parametrize(("typed", "offered"), COMPLETED.values(), ids=list(COMPLETED))
def test_the_shell_offers_the_aliases_there_are(
    three: Registry, run: Run, model: Path, captured: Capture, typed: str, offered: list[str]
) -> None:
    three.set_alias("fraud:1", "production")
    three.set_alias("fraud:2", "staging")
    three.set_alias("fraud:2", "shadow")
    three.remove_alias("fraud", "shadow")
    three.register(model, "churn", capture=captured, aliases=["candidate"])
    words = ["modelreg", *typed.split(" ")]
    completing = {"_MODELREG_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(words)}
    assert run(**completing, COMP_CWORD=str(len(words) - 1)).out.split() == offered
