"""What tests share: stores to run on, a registry, a model, and the command line as a user has it."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bucket_servers
import pytest
from bucket_servers import fake_gcs, ministack, rclone, seaweedfs  # noqa: F401  # fixtures
from environments import Place, find_uv, make_place
from folders import FILES, write_files
from hypothesis import HealthCheck, settings
from memory_store import MemoryStore

from modelreg import Capture, Environment, Package, Platform, Python, Registry
from modelreg.store import Store, open_store
from modelreg.store.local import LocalStore

pytest_plugins = ["image_engines"]  # for its fixtures

# In a fresh checkout hypothesis first makes its table of Unicode, and a machine may be busy: neither is a failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


ON_BUCKETS = {"test_store_contract", "test_register", "test_bucket_transfers"}
"""Tests that run on buckets each time; with MODELREG_TEST_EXHAUSTIVE=1 all that use a store do."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for a store on each kind of it."""
    if "store" in metafunc.fixturenames:
        everywhere = os.environ.get("MODELREG_TEST_EXHAUSTIVE") == "1" or metafunc.module.__name__ in ON_BUCKETS
        kinds = ["memory", "local", *(["s3", "gcs"] if everywhere else [])]
        metafunc.parametrize("store", kinds, indirect=True)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note in the file MODELREG_TEST_SKIPPED what is skipped, so that it can be run where nothing is missing."""
    noted = os.environ.get("MODELREG_TEST_SKIPPED")
    if noted and report.skipped:
        with Path(noted).open("a", encoding="utf-8") as file:
            file.write(f"{report.nodeid}\n")


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each kind of store in turn, empty."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "local":
        return LocalStore(tmp_path / "registry")
    return open_store(str(request.getfixturevalue(f"{request.param}_url")))


@pytest.fixture
def s3_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An unused registry in S3: on ministack, or in the bucket that MODELREG_TEST_S3_URL names."""
    return bucket_servers.unused("s3", "ministack", request, monkeypatch)


@pytest.fixture
def gcs_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An unused registry in GCS: on fake-gcs-server, or in the bucket that MODELREG_TEST_GCS_URL names."""
    return bucket_servers.unused("gs", "fake_gcs", request, monkeypatch)


@pytest.fixture
def registry(store: Store) -> Registry:
    """An empty registry on each kind of store."""
    return Registry(store)


@pytest.fixture
def uv() -> Path:
    """The installer uv; it comes with the dependency group `test`."""
    found = find_uv()
    if found is None:
        pytest.skip("uv is missing: pip install uv")
    return found


@pytest.fixture(scope="session")
def with_pip(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A virtual environment as `python -m venv` makes it, pip included."""
    folder = tmp_path_factory.mktemp("venv") / "with-pip"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, stdin=subprocess.DEVNULL)
    return Place(folder)


@pytest.fixture
def place(tmp_path: Path, with_pip: Place) -> Place:
    """A virtual environment with pip, of a test's own."""
    return make_place(tmp_path / "place", pip=with_pip)


@pytest.fixture
def ordinary() -> list[str]:
    """What stands before a command so that the modes of files bind it, as they do not bind root."""
    if sys.platform == "win32":
        pytest.skip("on Windows a file that may not be read or written to is made otherwise")
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root may read and write everywhere, and there is no setpriv to give that power up")
    powers = "-dac_override,-dac_read_search"
    return [setpriv, f"--bounding-set={powers}", f"--inh-caps={powers}"]


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


@pytest.fixture
def saved_model() -> Path:
    """A folder of several files in the working directory, one of them of more than a piece, one empty."""
    return write_files(Path("saved_model"), FILES)


@pytest.fixture
def filled(registry: Registry, saved_model: Path, captured: Capture) -> Registry:
    """A registry with fraud:1, the folder."""
    registry.register(saved_model, "fraud", capture=captured)
    return registry


@pytest.fixture
def three(store: Store, model: Path, captured: Capture) -> Registry:
    """A registry with fraud:1, fraud:2 and fraud:3."""
    registry = Registry(store)
    for _ in range(3):
        registry.register(model, "fraud", capture=captured)
    return registry


@pytest.fixture
def other_environment(captured: Capture) -> Capture:
    """The same environment with one package more."""
    packages = (*captured.environment.packages, Package("xgboost", "2.1.1"))
    return captured._replace(environment=captured.environment._replace(packages=packages))


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test from the user's own registry, settings, environment and git repository."""
    own = ("REGISTRY", "DEBUG", "CACHE", "CACHE_SIZE", "OFFLINE")
    unwanted = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE")
    for name in (*(f"MODELREG_{one}" for one in own), *unwanted):
        monkeypatch.delenv(name, raising=False)
    for name in bucket_servers.LIVE:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("MODELREG_ACTOR", "anna")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    monkeypatch.chdir(work)


@pytest.fixture
def beside(tmp_path: Path) -> Registry:
    """The registry that `run` works on, for what needs no process of its own."""
    return Registry.open(str(tmp_path / "registry"))


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


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command line as `run` has it, but in this process, where it takes no time: for tables, and to prepare."""
    from modelreg.cli.main import main

    monkeypatch.setenv("MODELREG_REGISTRY", str(tmp_path / "registry"))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*arguments: str, **variables: str) -> Ran:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            code = main(list(arguments))
        return Ran(code, *capfd.readouterr())

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)
