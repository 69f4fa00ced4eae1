"""What the composite action, the pre-commit hook and the GitLab job run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checkouts import make_checkout, pack_needed
from conftest import Ran, Run
from environments import Place, add, make_place

ROOT = Path(__file__).parent.parent
ACTION = ROOT / ".github" / "actions" / "verify-env"
MODELREG = Path(sys.executable).parent / "modelreg"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="they run in bash")


@pytest.fixture
def fraud(run: Run, model: Path) -> Place:
    """The environment that fraud:1 was registered with."""
    place = make_place(Path("with space").absolute())
    add(place.site, "pkg", "1.0")
    assert run("register", str(model), "fraud", "--python", str(place.python)).code == 0
    return place


def _act(registry: Path, **inputs: str) -> Ran:
    """Run the action's script as its step does."""
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "MODELREG": str(MODELREG)}
    script = ["bash", str(ACTION / "verify-env.sh")]
    done = subprocess.run(
        script, capture_output=True, text=True, env={**environ, "REGISTRY": str(registry), **inputs}, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "registry"


def test_the_action_passes_when_the_environment_fits_and_fails_when_not(fraud: Place, registry: Path) -> None:
    fits = _act(registry, REFERENCES="fraud:1", TARGET_PYTHON=str(fraud.folder))
    assert (fits.code, fits.err) == (0, "")
    bare = make_place(Path("bare").absolute())
    misfit = _act(registry, REFERENCES="fraud:1  fraud", TARGET_PYTHON=str(bare.folder))
    assert misfit.code == 3
    assert misfit.out.count("::error ") == 2


def test_the_action_installs_itself_beside_what_it_checks(fraud: Place, registry: Path, tmp_path: Path) -> None:
    action = make_checkout(tmp_path / "check out")
    wheels = tmp_path / "wheels"
    pack_needed(wheels, "modelreg[images]")
    temporary = tmp_path / "runner's temp"
    temporary.mkdir()
    # A job's own modules must not come between pip and what it imports.
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    hiding.joinpath("pip.py").write_text("raise SystemExit('this is no pip')\n", encoding="utf-8")
    environ = {
        "PATH": f"{MODELREG.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": os.environ["HOME"],
        "RUNNER_TEMP": str(temporary),
        "ACTION": str(action),
        "EXTRAS": "images",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": wheels.as_uri(),
        "PYTHONPATH": str(hiding),
        "REGISTRY": str(registry),
        "REFERENCES": "fraud",
    }
    step = yaml.safe_load(action.joinpath("action.yml").read_text(encoding="utf-8"))["runs"]["steps"][0]

    def act(target: Path) -> Ran:
        variables = {**environ, "TARGET_PYTHON": str(target)}
        done = subprocess.run(["bash", "-c", step["run"]], capture_output=True, text=True, env=variables, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    fits = act(fraud.folder)
    assert (fits.code, fits.err) == (0, "")
    own = Place(temporary / "modelreg")
    assert all(own.site.joinpath(name).is_dir() for name in ("modelreg", "typer", "requests", "zstandard"))
    assert not fraud.site.joinpath("modelreg").exists()
    again = act(make_place(tmp_path / "bare").folder)
    assert (again.code, again.out.count("::error ")) == (3, 1)


def test_the_action_checks_the_jobs_own_python_where_none_is_given(fraud: Place, registry: Path) -> None:
    path = f"{fraud.python.parent}{os.pathsep}{os.environ['PATH']}"
    assert _act(registry, REFERENCES="fraud", PATH=path).code == 0
    bare = make_place(Path("bare").absolute())
    other = _act(registry, REFERENCES="fraud", PATH=f"{bare.python.parent}{os.pathsep}{path}")
    assert (other.code, "pkg is not installed" in other.out) == (3, True)
    assert _act(registry, REFERENCES="fraud", PATH=path, VIRTUAL_ENV=str(bare.folder)).code == 3


def test_the_action_checks_a_lock(fraud: Place, registry: Path) -> None:
    Path("requirements 1.txt").write_text("pkg==1.0\n")
    assert _act(registry, REFERENCES="fraud", LOCK="requirements 1.txt").code == 0
    Path("requirements 1.txt").write_text("pkg\n")
    assert _act(registry, REFERENCES="fraud", LOCK="requirements 1.txt").code == 3
    assert _act(registry, REFERENCES="fraud", LOCK="requirements 1.txt", ALLOW_UNCHECKED="true").code == 3


def test_the_action_hands_on_policy_and_group_and_the_exit_code(fraud: Place, registry: Path) -> None:
    target = str(fraud.folder)
    assert _act(registry, REFERENCES="fraud", TARGET_PYTHON=target, POLICY="strict").code == 0
    assert "no policy" in _act(registry, REFERENCES="fraud", TARGET_PYTHON=target, POLICY="lenient").err
    assert "no group web" in _act(registry, REFERENCES="fraud", TARGET_PYTHON=target, GROUP="web").err
    assert _act(registry, REFERENCES="", TARGET_PYTHON=target).code == 2
    assert _act(registry, REFERENCES="churn", TARGET_PYTHON=target).code == 4


@pytest.mark.parametrize("name", ["REFERENCES", "TARGET_PYTHON", "LOCK", "GROUP", "POLICY", "REGISTRY"])
def test_no_input_of_the_action_is_run(fraud: Place, registry: Path, name: str) -> None:
    hostile = '$(touch pwned) `touch pwned` "; touch pwned; --debug'
    ran = _act(registry, **{"REFERENCES": "fraud", "TARGET_PYTHON": str(fraud.folder), name: hostile})
    assert ran.code in (2, 4)
    assert not Path("pwned").exists()


def test_the_actions_inputs_and_its_scripts_variables_are_the_same() -> None:
    action = yaml.safe_load(ACTION.joinpath("action.yml").read_text(encoding="utf-8"))
    (step,) = action["runs"]["steps"]
    named = {value[len("${{ inputs.") : -len(" }}")] for value in step["env"].values() if "inputs." in value}
    assert named == set(action["inputs"])
    script = ACTION.joinpath("verify-env.sh").read_text(encoding="utf-8")
    assert all(re.search(rf"\${{?{variable}\b", script) for variable in step["env"])
    assert "${{" not in step["run"]


def test_the_pre_commit_hook_refuses_a_lock_that_would_not_fit(fraud: Place, run: Run) -> None:
    (hook,) = yaml.safe_load(ROOT.joinpath(".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    documented = ROOT.joinpath("docs", "verify-env.md").read_text(encoding="utf-8")
    match = re.search(r"- id: modelreg-verify-env\n +args: \[(.*)\]", documented)
    assert match is not None
    arguments = [*shlex.split(hook["entry"])[1:], *match[1].replace("@production", "").split(", ")]
    assert (hook["pass_filenames"], hook["language"]) == (False, "python")
    for name in (
        "requirements.txt",
        "requirements-serve.txt",
        "a/pylock.toml",
        "pylock.serve.toml",
        "uv.lock",
        "requirements.lock",
    ):
        assert re.search(hook["files"], name), name
    Path("requirements.txt").write_text("pkg==1.0\n")
    assert run(*arguments).code == 0
    Path("requirements.txt").write_text("pkg==1.1\n")
    assert run(*arguments).code == 3


def test_the_job_for_gitlab_writes_a_report_that_gitlab_reads(fraud: Place, registry: Path) -> None:
    documented = ROOT.joinpath("docs", "verify-env.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(verify-env:\n.*?)```", documented, re.DOTALL)
    job = yaml.safe_load(text)["verify-env"]
    (line,) = [line for line in job["script"] if line.startswith("modelreg ")]
    environ = {**os.environ, "PATH": f"{MODELREG.parent}{os.pathsep}{os.environ['PATH']}"}
    environ |= {"MODELREG_REGISTRY": str(registry), "VIRTUAL_ENV": str(fraud.folder)}
    done = subprocess.run(["bash", "-c", line.replace("@production", "")], env=environ, check=False)
    assert done.returncode == 0
    assert '<testsuite name="fraud:1"' in Path(job["artifacts"]["reports"]["junit"]).read_text(encoding="utf-8")


def test_the_action_checks_references_on_lines_of_their_own(fraud: Place, registry: Path) -> None:
    ran = _act(registry, REFERENCES="fraud\nchurn\n", TARGET_PYTHON=str(fraud.folder))
    assert ran.code == 4
    assert "churn" in ran.err


def test_the_action_refuses_to_check_a_lock_in_place_of_the_environment_it_was_given(
    fraud: Place, registry: Path
) -> None:
    Path("requirements.txt").write_text("pkg==1.0\n")
    ran = _act(registry, REFERENCES="fraud", LOCK="requirements.txt", TARGET_PYTHON=str(fraud.folder))
    assert ran.code == 2
