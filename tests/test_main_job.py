"""The main job with a real model: train, register, list, pull, load, predict the same, verify the environment."""

import json
import pickle
import shutil
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from environments import Place, make_place

from modelreg import Registry


@pytest.fixture(scope="module")
def trained() -> tuple[Any, Any]:
    """A classifier of fraud, and transactions that it has not seen."""
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression

    transactions, frauds = make_classification(n_samples=400, n_features=8, weights=[0.9], random_state=7)
    return LogisticRegression().fit(transactions[:300], frauds[:300]), transactions[300:]


@pytest.fixture
def classifier(trained: tuple[Any, Any]) -> Path:
    path = Path("model.pkl")
    path.write_bytes(pickle.dumps(trained[0]))
    return path


@pytest.fixture
def serving(tmp_path: Path) -> Place:
    """A virtual environment that has what this one has: the code by links, and metadata of its own."""
    place = make_place(tmp_path / "serving")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.suffix == ".dist-info":
            shutil.copytree(entry, place.site / entry.name)
        elif entry.is_dir() or entry.suffix == ".py":
            place.site.joinpath(entry.name).symlink_to(entry)
    return place


def test_a_pulled_classifier_predicts_what_the_trained_one_did(
    run: Run, classifier: Path, trained: tuple[Any, Any]
) -> None:
    model, unseen = trained
    assert run("register", str(classifier), "fraud", "--metric", "auc=0.93").out == "fraud:1\n"
    (version,) = json.loads(run("list", "fraud", "--json").out)["versions"]
    assert (version["reference"], version["artifact"]["format"]) == ("fraud:1", "pickle")
    folder = Path(run("pull", "fraud", "-o", "serving/model").out.rstrip("\n"))
    assert (folder / "model.pkl").read_bytes() == classifier.read_bytes()
    loaded = pickle.loads((folder / "model.pkl").read_bytes())
    assert (loaded.predict_proba(unseen) == model.predict_proba(unseen)).all()
    assert f"scikit-learn=={metadata.version('scikit-learn')}" in (folder / "modelreg.yaml").read_text(encoding="utf-8")
    assert run("verify-env", "fraud:1").code == 0
    assert run("verify-env", str(folder)).code == 0


def test_joblib_and_a_folder_of_both_are_recognised(run: Run, classifier: Path, trained: tuple[Any, Any]) -> None:
    import joblib

    folder = Path("folder")
    folder.mkdir()
    joblib.dump(trained[0], folder / "model.joblib")
    answer = json.loads(run("register", str(folder), "fraud", "--json").out)
    assert (answer["artifact"]["format"], answer["artifact"]["layout"]) == ("joblib", "folder")
    assert run("pull", "fraud", "-o", "out").code == 0
    loaded = joblib.load("out/model.joblib")
    assert (loaded.predict(trained[1]) == trained[0].predict(trained[1])).all()


def test_the_serving_environment_is_checked_before_anything_ships(
    run: Run, classifier: Path, serving: Place, tmp_path: Path
) -> None:
    assert run("register", str(classifier), "fraud").code == 0
    python = str(serving.folder)
    assert run("verify-env", "fraud", "--python", python).code == 0

    trained_with = metadata.version("scikit-learn")
    (info,) = serving.site.glob("scikit_learn-*.dist-info")
    text = (info / "METADATA").read_text(encoding="utf-8")
    (info / "METADATA").write_text(text.replace(f"\nVersion: {trained_with}\n", "\nVersion: 0.1\n"), encoding="utf-8")
    ran = run("verify-env", "fraud", "--python", python)
    assert ran.code == 3
    assert f"scikit-learn is 0.1; the model wants {trained_with} (wanted since fraud:1 of " in ran.out

    (info,) = serving.site.glob("numpy-*.dist-info")
    shutil.rmtree(info)
    ran = run("verify-env", "fraud", "--python", python)
    assert ran.code == 3
    assert "scikit-learn is 0.1" in ran.out
    assert f"numpy is not installed; the model wants {metadata.version('numpy')} " in ran.out
    refused = run("pull", "fraud", "--verify-env", "--python", python)
    assert (refused.code, refused.out) == (3, "")
    assert not Path("fraud").exists()


def test_the_api_does_the_same_in_five_lines(tmp_path: Path, classifier: Path, trained: tuple[Any, Any]) -> None:
    registry = Registry.open(str(tmp_path / "registry"))
    version = registry.register(classifier, "fraud", metrics={"auc": 0.93}).version
    folder = registry.pull(version).folder
    loaded = pickle.loads((folder / "model.pkl").read_bytes())
    assert (loaded.predict(trained[1]) == trained[0].predict(trained[1])).all()
    assert registry.verify_env(version).fits
