"""The life of a version: promote, roll back, find, compare, delete, restore, copy, and tell the story.

Run it with a Python that has modelreg; everything it makes lies below ./lifecycle.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path("lifecycle")
REGISTRY = HERE / "registry"
RELEASED = HERE / "released"


def modelreg(*arguments: str, expected: int = 0) -> str:
    """Run a command as a user would type it, show what it prints, and return its data."""
    print(f"\n$ modelreg {' '.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "modelreg", *arguments]
    done = subprocess.run(
        command, env={**os.environ, "MODELREG_REGISTRY": str(REGISTRY)}, stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, end="", flush=True)
    if done.returncode != expected:
        sys.exit(f"modelreg exited with {done.returncode}, not with {expected}")
    return done.stdout.strip()


def register(threshold: float, auc: str) -> str:
    """Register a model that is nothing but a threshold."""
    model = HERE / "model.json"
    model.write_text(json.dumps({"threshold": threshold}), encoding="utf-8")
    return modelreg("register", str(model), "fraud", "--metric", f"auc={auc}", "--quiet")


def main() -> None:
    """Walk through it."""
    HERE.mkdir(exist_ok=True)
    first, second, third = register(0.5, "0.91"), register(0.6, "0.95"), register(0.7, "0.90")

    modelreg("alias", "set", first, "production", "--why", "first release")
    modelreg("alias", "set", second, "production", "--why", "better")
    modelreg("annotate", second, "--metric", "auc_live=0.71", "--tag", "incident=42")
    modelreg("alias", "rollback", "fraud", "production", "--why", "too many false alarms")
    modelreg("list", "fraud", "--metric", "auc>=0.9", "--sort", "metric:auc", "--limit", "1")
    modelreg("diff", first, second)

    modelreg("delete", second, "--yes", "--why", "trained on leaked labels")
    modelreg("pull", second, "-o", str(HERE / "gone"), expected=4)
    modelreg("restore", second)
    modelreg("delete", third, "--yes")
    modelreg("gc", "--grace", "0")

    modelreg("copy", "fraud@production", str(RELEASED), "--alias", "production")
    modelreg("pull", "fraud@production", "--registry", str(RELEASED), "-o", str(HERE / "serving"), "--force")
    modelreg("history", "fraud")


if __name__ == "__main__":
    main()
