"""modelreg list with conditions, as it is typed."""

import json
from pathlib import Path

import pytest
from conftest import Run
from found_versions import register_some

from modelreg import Capture, Registry


@pytest.fixture
def five(beside: Registry, model: Path, captured: Capture) -> Registry:
    """The registry that commands work on, as in found_versions.py."""
    return register_some(beside._store, model, captured)


FOUND = {
    "--alias": ("--alias production", "churn:1 fraud:2"),
    "--alias of one model": ("fraud --alias production", "fraud:2"),
    "--alias twice": ("fraud --alias production --alias canary", ""),
    "--tag": ("--tag day", "churn:1 fraud:4 fraud:2 fraud:1"),
    "--tag with a value": ("--tag day=2", "fraud:2"),
    "--tag with an equals sign in its value": ("--tag day=2=2", ""),
    "--metric": ("--metric auc>=0.93", "churn:1 fraud:4"),
    "--metric twice": ("--metric auc>0.91 --metric auc<0.95", "churn:1 fraud:2"),
    "--depends-on": ("--depends-on numpy<2", "churn:1 fraud:4 fraud:1"),
    "--depends-on twice": ("--depends-on numpy<2 --depends-on xgboost", ""),
    "--since a day": ("--since 2026-10-03", "churn:1 fraud:4"),
    "--since a time": ("--since 2026-10-03T12:00:01Z", "fraud:4"),
    "--sort": ("--sort metric:auc", "fraud:4 churn:1 fraud:2 fraud:1"),
    "--sort, lowest first": ("fraud --sort metric:auc:asc", "fraud:1 fraud:2 fraud:4"),
    "--sort, newest first": ("--sort created", "fraud:4 churn:1 fraud:2 fraud:1"),
    "--limit": ("fraud --limit 2", "fraud:4 fraud:2"),
    "the best": ("fraud --metric auc>=0.9 --sort metric:auc --limit 1", "fraud:4"),
    "--all": ("fraud --all", "fraud:4 fraud:3 fraud:2 fraud:1"),
    "--all of all models": ("--all", "churn:1 fraud:4 fraud:3 fraud:2 fraud:1"),
}


@pytest.mark.parametrize(("typed", "references"), FOUND.values(), ids=list(FOUND))
def test_conditions_find_versions_of_one_model_or_of_all(five: Registry, run: Run, typed: str, references: str) -> None:
    ran = run("list", *typed.split(), "-q")
    assert (ran.code, ran.out.split(), ran.err) == (0, references.split(), "")


REFUSED = {
    "no metric condition": (["--metric", "auc"], "write a condition such as 'auc>=0.9'"),
    "a bound that is no number": (["--metric", "auc>=nan"], "must be a finite number"),
    "no requirement": (["--depends-on", "numpy 2"], "write a requirement such as 'numpy<2'"),
    "no time": (["--since", "yesterday"], "write 2026-11-22 or"),
    "no order": (["--sort", "auc"], "write metric:NAME"),
    "no tag": (["--tag", "=risk"], "write it as key or key=value"),
    "a tag twice": (["--tag", "day=1", "--tag", "day=2"], "once for each key"),
    "no number": (["--limit", "0"], "0 is not in the range x>=1"),
    "latest": (["--alias", "latest"], "modelreg list shows the latest version of each model"),
    "no alias": (["--alias", "Production"], "such as production"),
}


@pytest.mark.parametrize(("typed", "said"), REFUSED.values(), ids=list(REFUSED))
def test_a_condition_that_makes_no_sense_ends_with_2(run: Run, typed: list[str], said: str) -> None:
    ran = run("list", *typed)
    assert (ran.code, ran.out) == (2, "")
    assert said in " ".join(ran.err.split())


def test_what_is_found_is_shown_with_its_metrics_and_deleted_ones_are_marked(five: Registry, run: Run) -> None:
    lines = [line.split() for line in run("list", "fraud", "--all", "--metric", "auc<0.95").out.splitlines()]
    assert [(line[0], line[-1]) for line in lines] == [
        ("VERSION", "METRICS"),
        ("fraud:3", "auc=0.94"),
        ("fraud:2", "auc=0.92"),
        ("fraud:1", "auc=0.91"),
    ]
    assert [line[1] for line in lines[1:3]] == ["(deleted)", "production"]
    answer = json.loads(run("list", "fraud", "--all", "--json").out)
    assert [version["state"] for version in answer["versions"]] == ["live", "deleted", "live", "live"]
    assert [version["metrics"]["auc"] for version in answer["versions"]] == [0.95, 0.94, 0.92, 0.91]


def test_where_nothing_is_found_it_is_said_and_is_no_failure(five: Registry, run: Run) -> None:
    ran = run("list", "fraud", "--tag", "owner")
    assert (ran.code, ran.out) == (0, "")
    assert "no such version" in ran.err
    assert json.loads(run("list", "--tag", "owner", "--json").out) == {"versions": []}
    assert run("list", "absent", "--tag", "owner").code == 4
