"""modelreg register."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from conftest import Run
from environments import make_place

from modelreg import Capture, EnvironmentMismatchError, Origin, Package, Registry


def test_a_registered_model_is_version_1_and_holds_its_bytes(
    registry: Registry, model: Path, captured: Capture
) -> None:
    registered = registry.register(model, "fraud", capture=captured)
    assert registered.version.reference == "fraud:1"
    assert registered.version.artifact.size == model.stat().st_size
    assert registry.pull("fraud:1", "out").changed
    assert Path("out", "model.pkl").read_bytes() == model.read_bytes()


def test_the_command_prints_the_reference_alone_on_stdout(run: Run, model: Path) -> None:
    ran = run("register", str(model), "fraud")
    assert (ran.code, ran.out) == (0, "fraud:1\n")
    assert "Registered fraud:1" in ran.err


def test_json_tells_the_same_with_numbers_as_numbers(run: Run, model: Path) -> None:
    ran = run("register", str(model), "fraud", "--metric", "auc=0.93", "--tag", "team=risk", "--json")
    answer = json.loads(ran.out)
    assert (answer["reference"], answer["metrics"], answer["tags"]) == ("fraud:1", {"auc": 0.93}, {"team": "risk"})


def test_a_registry_does_not_register_itself(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "registry" / "models").mkdir(parents=True)
    (folder / "registry" / "models" / "x").write_text("x")
    (folder / "model.bin").write_text("weights")
    ran = run("register", str(folder), "fraud", "--registry", str(folder / "registry"))
    assert ran.code == 2
    assert "lies in what is to be registered" in ran.err


def _with_editable(captured: Capture) -> Capture:
    ours = Package("ours", "0.3", origin=Origin("editable", vcs="git", commit="c" * 40, dirty=True))
    packages = (*captured.environment.packages[:2], ours, *captured.environment.packages[2:])
    return captured._replace(environment=captured.environment._replace(packages=packages))


def test_a_strict_registration_refuses_what_cannot_be_built_again(
    registry: Registry, model: Path, captured: Capture
) -> None:
    sentence = (
        "ours 0.3 cannot be installed elsewhere: it comes from an editable folder of this machine, at commit "
        "cccccccccccc with changes; publish or commit what is missing, or register without --strict-env"
    )
    with pytest.raises(EnvironmentMismatchError, match=re.escape(sentence)):
        registry.register(model, "fraud", capture=_with_editable(captured), strict_env=True)
    assert registry.models() == ()
    assert registry.register(model, "fraud", capture=captured, strict_env=True).created
    assert registry.register(model, "fraud", capture=_with_editable(captured)).created


def test_what_was_in_no_commit_is_said_and_strictly_refused(run: Run, model: Path) -> None:
    def git(*arguments: str) -> None:
        author = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *author, *arguments], check=True, capture_output=True)

    python = str(make_place(Path("venv")).python)
    Path("train.py").write_text("1\n", encoding="utf-8")
    git("init", "-q")
    git("add", "train.py")
    git("commit", "-qm", "one")
    assert "in no commit" not in run("register", str(model), "fraud", "--python", python).err
    Path("train.py").write_text("2\n", encoding="utf-8")
    said = run("register", str(model), "fraud", "--python", python)
    assert "warning: the git work tree has changes that are in no commit" in said.err
    refused = run("register", str(model), "fraud", "--python", python, "--strict-env")
    assert (refused.code, refused.out) == (3, "")
