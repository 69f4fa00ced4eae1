"""The main job, end to end: train a small fraud classifier, register it, list it, pull it, verify its environment.

Run it with a Python that has modelreg and scikit-learn; everything it makes lies below ./quickstart.
"""

import os
import pickle
import subprocess
import sys
import venv
from pathlib import Path

from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

HERE = Path("quickstart")
REGISTRY = HERE / "registry"


def train(path: Path) -> str:
    """Train on transactions made up for the purpose, 3 % of them fraud; write the model and return its AUC."""
    transactions, frauds = make_classification(n_samples=5000, n_features=12, weights=[0.97], random_state=7)
    known, unseen, known_frauds, unseen_frauds = train_test_split(transactions, frauds, stratify=frauds, random_state=7)
    model = RandomForestClassifier(n_estimators=50, random_state=7).fit(known, known_frauds)
    path.write_bytes(pickle.dumps(model))
    return f"{roc_auc_score(unseen_frauds, model.predict_proba(unseen)[:, 1]):.4f}"


def modelreg(*arguments: str, expected: int = 0) -> str:
    """Run a command as a user would type it, show what it prints, and return its last line of data."""
    print(f"\n$ modelreg {' '.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "modelreg", *arguments]
    done = subprocess.run(
        command, env={**os.environ, "MODELREG_REGISTRY": str(REGISTRY)}, stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, end="", flush=True)
    if done.returncode != expected:
        sys.exit(f"modelreg exited with {done.returncode}, not with {expected}")
    return done.stdout.splitlines()[-1] if done.stdout else ""


def main() -> None:
    """Walk through the life of a model."""
    HERE.mkdir(exist_ok=True)
    model = HERE / "model.pkl"
    auc = train(model)
    print(f"Trained a fraud classifier: {model}, AUC {auc}")

    version = modelreg("register", str(model), "fraud", "--metric", f"auc={auc}", "--tag", "team=risk")
    modelreg("list")
    modelreg("list", "fraud")
    folder = Path(modelreg("pull", version, "-o", str(HERE / "pulled" / version.replace(":", "-"))))
    modelreg("verify-env", version)
    same = (folder / "model.pkl").read_bytes() == model.read_bytes()
    print(f"\nThe pulled model is {'byte for byte the one' if same else 'NOT the one'} that was trained.")

    print("\nAnd an environment that does not fit, as a CI job would meet it (exit code 3):")
    venv.create(HERE / "serving", with_pip=False, clear=True)
    modelreg("verify-env", str(folder / "modelreg.yaml"), "--python", str(HERE / "serving"), expected=3)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
