"""What tests share: stores to run on, a registry, a model, and the command line as a user has it."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from memory_store import MemoryStore

from modelreg import Capture, Environment, Package, Platform, Python, Registry
from modelreg.store import Store
from modelreg.store.local import LocalStore


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each kind of store in turn, empty."""
    if request.param == "memory":
        return MemoryStore()
    return LocalStore(tmp_path / "registry")


@pytest.fixture
def registry(store: Store) -> Registry:
    """An empty registry on each kind of store."""
    return Registry(store)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small model: a pickle, without the time it takes to import scikit-learn."""
    path = tmp_path / "work" / "model.pkl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps({"weights": list(range(500))}))
    return path


@pytest.fixture
def captured() -> Capture:
    """An environment as a capture would return it, without running an interpreter."""
    packages = (Package("joblib", "1.5.1"), Package("numpy", "2.1.0"), Package("scikit-learn", "1.5.2"))
    environment = Environment(
        Python("3.11.7", "cpython", "cpython-311-x86_64-linux-gnu"),
        Platform("linux", "x86_64", "glibc", "2.36"),
        packages,
    )
    return Capture(environment, "venv", "/somewhere/venv")


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test from the user's own registry, settings, environment and git repository."""
    for name in ("MODELREG_REGISTRY", "MODELREG_DEBUG", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("MODELREG_ACTOR", "anna")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    monkeypatch.chdir(work)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command line in a process of its own, on a registry in a folder; keyword arguments are variables."""

    def call(*arguments: str, cwd: Path | None = None, timeout: float = 120, **variables: str) -> Ran:
        environ = {**os.environ, "MODELREG_REGISTRY": str(tmp_path / "registry"), **variables}
        done = subprocess.run(
            [sys.executable, "-m", "modelreg", *arguments],
            capture_output=True,
            text=True,
            env=environ,
            cwd=cwd,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return call
