"""modelreg register."""

import json
from pathlib import Path

from conftest import Run

from modelreg import Capture, Registry


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
