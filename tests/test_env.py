"""modelreg env create and run: the environment of a version, made anew, verified, and never half-made."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Ran, Run
from environments import Place, make_place
from package_index import UV, serving, settings_of, write_wheel
from terminal import on_terminal, plain

from modelreg import Capture, ConflictError, EnvironmentMismatchError, Origin, Package, Python, Registry
from modelreg.errors import NotFoundError
from modelreg.install.installer import find_installer
from modelreg.install.pythons import find_python
from modelreg.install.rebuild import PARTIAL, _made_whole
from modelreg.locks import held
from modelreg.store.local import LocalStore

INSTALLERS = ("uv", "pip")
GROUPS = {"train": ["alpha", "gamma"], "serve": ["alpha", "delta==1.0"]}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels: alpha needs beta, and delta needs what nobody pins."""
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "alpha", "1.0", requires=["beta>=1"])
    write_wheel(folder, "delta", "1.0", requires=["beta>=2", "zeta>3", "eta; python_version < '3'"])
    for name in ("beta", "gamma"):
        write_wheel(folder, name, "1.0")
    return folder


@pytest.fixture(scope="module")
def url(wheels: Path) -> Iterator[str]:
    """The index that serves them."""
    with serving(wheels) as url:
        yield url


@pytest.fixture(autouse=True)
def _only_that_index(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings_of(url, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MODELREG_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def here() -> Capture:
    """The Python and the platform of this machine, with alpha, beta and gamma in whole."""
    captured = make_place(Path("place")).captured()
    alpha = Package("alpha", "1.0", requires=("beta>=1",))
    return _with(captured, alpha, *(Package(name, "1.0", requires=()) for name in ("beta", "gamma")))


@pytest.fixture
def fraud(tmp_path: Path, model: Path, here: Capture) -> Registry:
    """A registry with fraud:1, in groups."""
    registry = Registry(LocalStore(tmp_path / "registry"))
    registry.register(model, "fraud", capture=here, groups=GROUPS)
    return registry


def _with(captured: Capture, *packages: Package) -> Capture:
    return captured._replace(environment=captured.environment._replace(packages=packages))


# Making one


@pytest.mark.parametrize("installer", INSTALLERS)
def test_the_environment_of_a_group_is_made_and_verified(fraud: Registry, tmp_path: Path, installer: str) -> None:
    made = fraud.create_env("fraud", tmp_path / "made", group="train", installer=installer)
    assert made.created
    assert made.comparison.fits
    assert made.comparison.compared == 3
    assert {package.name for package in made.capture.environment.packages} == {"alpha", "beta", "gamma"}
    ran = subprocess.run(
        [made.python, "-c", "import alpha; print(alpha.version)"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "1.0\n"
    again = fraud.create_env("fraud", tmp_path / "made", group="train", installer=installer)
    assert not again.created
    assert again.folder == made.folder


def test_what_was_declared_is_installed_and_what_it_lacks_is_named(fraud: Registry, tmp_path: Path) -> None:
    made = fraud.create_env("fraud", tmp_path / "made", group="serve")
    assert {package.name for package in made.capture.environment.packages} == {"alpha", "beta", "delta"}
    assert made.unmet == (
        "delta needs beta>=2, and 1.0 is installed; pin one that fits",
        "delta needs zeta>3, which is neither pinned nor installed; pin it in the group, too",
    )


def test_a_folder_that_holds_something_else_is_left_alone(fraud: Registry, tmp_path: Path) -> None:
    place = make_place(tmp_path / "other")
    before = sorted(path.name for path in place.folder.rglob("*"))
    with pytest.raises(ConflictError, match=r"is an environment that does not fit \(alpha is not installed"):
        fraud.create_env("fraud", place.folder)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "x.txt").touch()
    for folder in ("notes", "notes/x.txt"):
        with pytest.raises(ConflictError, match="holds something else"):
            fraud.create_env("fraud", tmp_path / folder)
    assert sorted(path.name for path in place.folder.rglob("*")) == before


@pytest.mark.parametrize("installer", INSTALLERS)
def test_what_no_index_has_leaves_nothing_behind(
    fraud: Registry, model: Path, here: Capture, tmp_path: Path, installer: str
) -> None:
    fraud.register(model, "gone", capture=_with(here, Package("alpha", "1.0"), Package("beta", "9.9")))
    made = tmp_path / "made"
    if installer == "uv":
        made.mkdir()  # what was there stays
    with pytest.raises(NotFoundError, match=rf"^no index of {installer} has beta==9.9 for this Python"):
        fraud.create_env("gone", made, installer=installer)
    assert list(made.iterdir()) == [] if installer == "uv" else not made.exists()


def test_what_was_installed_and_does_not_fit_is_removed(
    fraud: Registry, model: Path, here: Capture, wheels: Path, tmp_path: Path
) -> None:
    # By PEP 440 the pin ==3.0 lets 3.0+cpu in, which is another build.
    write_wheel(wheels, "local", "3.0+cpu")
    fraud.register(model, "local", capture=_with(here, Package("local", "3.0")))
    with pytest.raises(EnvironmentMismatchError, match=r"so it was removed: local is 3.0\+cpu; the model wants 3.0"):
        fraud.create_env("local", tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_what_cannot_be_had_elsewhere_is_named_first(
    fraud: Registry, model: Path, here: Capture, tmp_path: Path
) -> None:
    fraud.register(
        model, "ours", capture=_with(here, Package("beta", "1.0"), Package("ours", "1", origin=Origin("editable")))
    )
    with pytest.raises(
        EnvironmentMismatchError, match=r"cannot be made in full: ours 1 \(it was installed from an edi"
    ):
        fraud.create_env("ours", tmp_path / "made")
    assert not (tmp_path / "made").exists()
    assert fraud.create_env("ours", tmp_path / "made", allow_missing=True).comparison.compared == 1


def test_remains_of_a_killed_process_do_not_look_complete_and_are_replaced(fraud: Registry, tmp_path: Path) -> None:
    made = fraud.create_env("fraud", tmp_path / "made")
    (made.folder / PARTIAL).write_text("killed", encoding="utf-8")
    (made.folder / "leftover").touch()
    assert fraud.create_env("fraud", tmp_path / "made").created
    assert not (made.folder / PARTIAL).exists()
    assert not (made.folder / "leftover").exists()


def test_two_at_once_do_not_make_one_folder(fraud: Registry, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    with held(tmp_path / "made" / PARTIAL) as mine:
        assert mine is not None
        with pytest.raises(ConflictError, match="is being made by somebody else"):
            fraud.create_env("fraud", tmp_path / "made")


def test_what_somebody_else_made_meanwhile_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "pyvenv.cfg").touch()
    with pytest.raises(ConflictError, match="was filled by somebody else meanwhile"), _made_whole(folder):
        pytest.fail("it was about to be cleared")
    assert [path.name for path in folder.iterdir()] == ["pyvenv.cfg"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot interrupt a process from outside")
def test_an_interrupted_command_leaves_nothing_behind(fraud: Registry, tmp_path: Path) -> None:
    with _stalled() as stalled:
        environ = {**os.environ, "MODELREG_REGISTRY": str(tmp_path / "registry"), "UV_DEFAULT_INDEX": stalled}
        command = [sys.executable, "-m", "modelreg", "env", "create", "fraud", str(tmp_path / "made")]
        process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
        while not (tmp_path / "made" / "pyvenv.cfg").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "error: interrupted; nothing is left half-done\n")
    assert not (tmp_path / "made").exists()


class _stalled:  # noqa: N801  # used like a function
    """A server that accepts and never answers; its URL."""

    def __enter__(self) -> str:
        import socket

        self._socket = socket.create_server(("127.0.0.1", 0))
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/simple"

    def __exit__(self, *_: object) -> None:
        self._socket.close()


# Which Python


def _python(captured: Capture, version: str) -> Capture:
    python = captured.environment.python._replace(version=version)
    return captured._replace(environment=captured.environment._replace(python=python))


def test_another_patch_level_is_taken_and_warned_of(
    quick: Run, fraud: Registry, model: Path, here: Capture, tmp_path: Path
) -> None:
    fraud.register(model, "patched", capture=_python(here, f"{here.environment.python.minor}.99"))
    ran = quick("env", "create", "patched", str(tmp_path / "made"))
    assert ran.code == 0
    assert f"warning: Python is {here.environment.python.minor}." in ran.err
    assert f"the model wants {here.environment.python.minor}.99\n" in ran.err


@pytest.mark.parametrize("installer", INSTALLERS)
def test_another_minor_version_is_refused_with_what_to_install(
    fraud: Registry, model: Path, here: Capture, tmp_path: Path, installer: str
) -> None:
    fraud.register(model, "later", capture=_python(here, "3.99.1"))
    with pytest.raises(NotFoundError, match=r"no Python 3.99 on this machine, and the model wants 3.99.1; install it"):
        fraud.create_env("later", tmp_path / "made", installer=installer)
    with pytest.raises(EnvironmentMismatchError, match=r"cannot hold this environment: Python is .*wants 3.99.1"):
        fraud.create_env("later", tmp_path / "made", python=sys.executable)
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pyenv-win lays its versions out in another way")
def test_the_exact_version_among_those_of_pyenv_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "pyenv"
    for version, answer in (("3.11.4", "3.11.4 cpython -"), ("3.11.5", "3.11.5 cpython -"), ("3.11.6", "")):
        program = root / "versions" / version / "bin" / "python"
        program.parent.mkdir(parents=True)
        # What is there and exits with 127 is a shim for a version that is switched off.
        program.write_text(f"#!/bin/sh\n[ -n '{answer}' ] || exit 127\necho '{answer}'\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(root))
    monkeypatch.setenv("PATH", os.defpath)
    found = find_python(Python("3.11.4", "cpython"), find_installer("pip"), lambda _: None)
    assert found.path == root / "versions" / "3.11.4" / "bin" / "python"
    assert found.python == Python("3.11.4", "cpython")


def test_another_platform_is_refused_before_anything_is_made(
    fraud: Registry, model: Path, here: Capture, tmp_path: Path
) -> None:
    platform = here.environment.platform._replace(machine="riscv128")
    fraud.register(model, "foreign", capture=here._replace(environment=here.environment._replace(platform=platform)))
    with pytest.raises(EnvironmentMismatchError, match="the model wants riscv128"):
        fraud.create_env("foreign", tmp_path / "made")
    assert not (tmp_path / "made").exists()


# The command


def test_the_command_says_what_it_made(quick: Run, fraud: Registry) -> None:
    ran = quick("env", "create", "fraud", "made", "--group", "serve")
    version = ".".join(map(str, sys.version_info[:3]))
    *warnings, last = ran.err.splitlines()
    assert (ran.code, ran.out) == (0, "made\n")
    assert last == f"made: Python {version}, 3 packages, verified against fraud:1."
    assert [line.partition(",")[0] for line in warnings] == [
        "warning: delta needs beta>=2",
        "warning: delta needs zeta>3",
    ]
    answer = json.loads(quick("env", "create", "fraud", "made", "--group", "serve", "--json").out)
    assert answer | {"findings": [], "unmet": [], "python": ""} == {
        "reference": "fraud:1",
        "group": "serve",
        "folder": "made",
        "python": "",
        "python_version": version,
        "created": False,
        "compared": 3,
        "missing": [],
        "unmet": [],
        "findings": [],
    }


def test_a_terminal_is_told_of_each_step(fraud: Registry, tmp_path: Path) -> None:
    command = ("env", "create", "fraud", "made", "--group", "train")
    first, *rest = plain(on_terminal(*command, columns=200, MODELREG_REGISTRY=str(tmp_path / "registry")))
    assert first.startswith("Making made with Python ")
    assert rest[:2] == ["Installing 3 packages with uv", "Verifying"]
    assert rest[-1] == "made"


def test_a_pulled_folder_is_enough(quick: Run, fraud: Registry) -> None:
    assert quick("pull", "fraud").code == 0
    ran = quick("env", "create", "fraud/1", "made", "--group", "train", "-q", MODELREG_REGISTRY="nonsense://nowhere")
    assert (ran.code, ran.out, ran.err) == (0, "made\n", "")


def _ran(run: Run, *command: str, **variables: str) -> Ran:
    return run("env", "run", "fraud", "--group", "train", "--", *command, **variables)


def test_a_command_runs_in_the_environment_with_its_words_and_its_exit_code(run: Run, fraud: Registry) -> None:
    code = "import sys, os, alpha; print(sys.argv[1:], os.environ['VIRTUAL_ENV'] == sys.prefix); sys.exit(7)"
    ran = _ran(run, "python", "-c", code, "--group", "x y")
    assert (ran.code, ran.out, ran.err) == (7, "['--group', 'x y'] True\n", "")
    ran = _ran(run, "python", MODELREG_CACHE=str(Path(__file__) / "cache"))
    assert ran.code == 7
    assert ran.err.endswith("choose another folder with MODELREG_CACHE\n")
    ran = _ran(run, "no-such-command")
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith("error: there is no command no-such-command")


def test_the_environment_is_made_once_and_made_anew_when_it_was_changed(
    run: Run, fraud: Registry, tmp_path: Path
) -> None:
    assert _ran(run, "python", "-c", "").code == 0
    # With no index at all, what is there serves.
    nowhere = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_OFFLINE": "1"}
    ran = _ran(run, "python", "-c", "import sys; print(sys.prefix)", **nowhere)
    assert ran.code == 0, ran.err
    folder = Path(ran.out.strip())
    assert folder.parent == tmp_path / "cache" / "environments"
    subprocess.run([UV, "pip", "uninstall", "-q", "--python", str(folder), "gamma"], check=True)
    assert _ran(run, "python", "-c", "import gamma").code == 0


def test_two_processes_make_the_cached_environment_once(run: Run, fraud: Registry, tmp_path: Path) -> None:
    code = "import os; print(os.stat(os.path.join(os.environ['VIRTUAL_ENV'], 'pyvenv.cfg')).st_ino)"
    ran: list[Ran] = []
    threads = [threading.Thread(target=lambda: ran.append(_ran(run, "python", "-c", code))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.code for one in ran] == [0, 0, 0], ran
    assert len({one.out for one in ran}) == 1
    assert [path.name for path in (tmp_path / "cache" / "environments").iterdir() if path.is_dir()] != []


# For real

_SET_UP = dict(os.environ)
"""The person's own settings, among them of an index."""

_FIT = """
import pickle, sys
import numpy
from sklearn.ensemble import RandomForestClassifier

x = numpy.random.default_rng(7).normal(size=(400, 6))
pickle.dump(RandomForestClassifier(20, random_state=7).fit(x, x[:, 0] * x[:, 1] > 0), open(sys.argv[1], "wb"))
"""
_PREDICT = """
import pickle, sys
import numpy

x = numpy.random.default_rng(8).normal(size=(400, 6))
print(pickle.load(open(sys.argv[1], "rb")).predict_proba(x).tobytes().hex())
"""


@pytest.fixture
def from_pypi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make an environment of packages from the index that the person is set up with; return its interpreter."""
    if sys.version_info >= (3, 13):
        pytest.skip("scikit-learn 1.3.2 has no wheels for this Python")
    for name in settings_of("", tmp_path):
        monkeypatch.setenv(name, _SET_UP[name]) if name in _SET_UP else monkeypatch.delenv(name)
    cache = subprocess.run([UV, "cache", "dir"], capture_output=True, text=True, check=True, env=_SET_UP).stdout
    monkeypatch.setenv("UV_CACHE_DIR", cache.strip())

    def make(folder: str, *packages: str) -> Path:
        python = make_place(tmp_path / folder).python
        command = [str(UV), "pip", "install", "-q", "--no-progress", "--python", str(python), *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = "PyPI cannot be reached, so no old scikit-learn can be installed"
            if os.environ.get("MODELREG_TEST_REQUIRE_ALL") == "1":
                pytest.fail(f"{reason}: {done.stderr}")
            pytest.skip(reason)
        return python

    return make


def test_a_forest_of_scikit_learn_1_3_predicts_the_same_bits_elsewhere_and_is_stopped_under_1_4(
    run: Run, from_pypi: Callable[..., Path], tmp_path: Path
) -> None:
    old = ("numpy==1.26.4", "scipy==1.11.4", "joblib==1.3.2", "threadpoolctl==3.2.0")
    trained = from_pypi("trained", "scikit-learn==1.3.2", *old)
    subprocess.run([trained, "-c", _FIT, "forest.pkl"], check=True)
    expected = subprocess.run([trained, "-c", _PREDICT, "forest.pkl"], capture_output=True, check=True).stdout

    assert run("register", "forest.pkl", "--python", str(trained)).out == "forest:1\n"
    ran = run("env", "create", "forest", "serving", "-q")
    assert (ran.code, ran.out, ran.err) == (0, "serving\n", "")
    assert run("pull", "forest").code == 0
    predicted = subprocess.run(
        [Place(Path("serving")).python, "-c", _PREDICT, "forest/1/forest.pkl"], capture_output=True, check=True
    )
    assert predicted.stdout == expected

    newer = from_pypi("newer", "scikit-learn==1.4.2", *old)
    died = subprocess.run([newer, "-c", _PREDICT, "forest.pkl"], capture_output=True, text=True, check=False)
    assert died.returncode == 1
    # It was loaded with no more than a warning; what serves it would have started.
    assert "in predict_proba" in died.stderr
    ran = run("verify-env", "forest", "--python", str(newer))
    assert ran.code == 3
    assert "scikit-learn is 1.4.2; the model wants 1.3.2" in " ".join(ran.out.split())
