"""modelreg verify-env: does an environment fit a model, and what does it say when it does not."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import bucket_servers
import pytest
from conftest import Run
from environments import make_place
from folders import damage_record
from watched_store import WatchedStore

from modelreg import Capture, IntegrityError, Package, Platform, Python, Registry, Version
from modelreg.registry.verify import read_pulled, verify_pulled
from modelreg.store import Store


def _with(captured: Capture, *packages: Package) -> Capture:
    """Return an environment that has these packages instead of, or beside, its own."""
    merged = {package.name: package for package in (*captured.environment.packages, *packages)}
    ordered = tuple(merged[name] for name in sorted(merged))
    return captured._replace(environment=captured.environment._replace(packages=ordered))


def _without(captured: Capture, name: str) -> Capture:
    packages = tuple(package for package in captured.environment.packages if package.name != name)
    return captured._replace(environment=captured.environment._replace(packages=packages))


def _sentences(registry: Registry, reference: str, environment: Capture) -> list[str]:
    return [str(finding) for finding in registry.verify_env(reference, environment=environment).findings]


@pytest.fixture
def fraud(registry: Registry, model: Path, captured: Capture) -> Registry:
    """A registry with fraud:1."""
    registry.register(model, "fraud", capture=captured)
    return registry


def test_the_environment_that_was_registered_fits(fraud: Registry, captured: Capture) -> None:
    report = fraud.verify_env("fraud", environment=captured)
    assert report.fits
    assert (report.reference, report.findings, report.comparison.compared) == ("fraud:1", (), 3)


MISFITS: dict[str, tuple[Callable[[Capture], Capture], str]] = {
    "another version": (
        lambda it: _with(it, Package("numpy", "2.2.0")),
        "numpy is 2.2.0; the model wants 2.1.0 (wanted since fraud:1 of ",
    ),
    "another local label": (
        lambda it: _with(it, Package("numpy", "2.1.0+mkl")),
        "numpy is 2.1.0+mkl; the model wants 2.1.0 (wanted since fraud:1 of ",
    ),
    "a missing package": (
        lambda it: _without(it, "scikit-learn"),
        "scikit-learn is not installed; the model wants 1.5.2 (wanted since fraud:1 of ",
    ),
    "another Python": (
        lambda it: it._replace(environment=it.environment._replace(python=Python("3.12.1", "cpython"))),
        "Python is 3.12.1; the model wants 3.11.7",
    ),
    "another implementation": (
        lambda it: it._replace(environment=it.environment._replace(python=Python("3.11.7", "pypy"))),
        "the interpreter is pypy; the model wants cpython",
    ),
    "another system": (
        lambda it: it._replace(environment=it.environment._replace(platform=Platform("darwin", "x86_64"))),
        "the system is darwin; the model wants linux",
    ),
    "another machine": (
        lambda it: it._replace(
            environment=it.environment._replace(platform=Platform("linux", "aarch64", "glibc", "2.36"))
        ),
        "the machine is aarch64; the model wants x86_64",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), MISFITS.values(), ids=MISFITS)
def test_each_difference_is_one_sentence(
    fraud: Registry, captured: Capture, change: Callable[[Capture], Capture], sentence: str
) -> None:
    report = fraud.verify_env("fraud", environment=change(captured))
    assert not report.fits
    (said,) = [str(finding) for finding in report.findings]
    assert said.startswith(sentence)


def test_every_difference_is_named_not_only_the_first(fraud: Registry, captured: Capture) -> None:
    changed = _without(_with(captured, Package("numpy", "2.2.0"), Package("zipp", "3")), "joblib")
    assert [sentence.split(" ")[0] for sentence in _sentences(fraud, "fraud", changed)] == ["joblib", "numpy", "zipp"]


def test_versions_that_are_spelled_differently_are_the_same(fraud: Registry, captured: Capture) -> None:
    assert fraud.verify_env("fraud", environment=_with(captured, Package("numpy", "2.1"))).fits


def test_a_package_more_does_no_harm(fraud: Registry, captured: Capture) -> None:
    assert fraud.verify_env("fraud", environment=_with(captured, Package("zipp", "3"))).fits


def test_a_model_that_pins_nothing_fits_nothing(registry: Registry, model: Path, captured: Capture) -> None:
    empty = captured._replace(environment=captured.environment._replace(packages=()))
    registry.register(model, "fraud", capture=empty)
    assert not registry.verify_env("fraud", environment=empty).fits
    tooling = captured._replace(environment=captured.environment._replace(packages=(Package("pip", "24.0"),)))
    registry.register(model, "fraud", capture=tooling)
    assert not registry.verify_env("fraud", environment=tooling).fits


# Since when


@pytest.fixture
def history(fraud: Registry, model: Path, captured: Capture) -> Registry:
    """Numpy is 2.1.0 in fraud:1, 2.0.0 in 2, and 2.2.0 in 3 to 5; joblib is the same in all; xgboost comes in 4."""
    for packages in (
        (Package("numpy", "2.0.0"),),
        (Package("numpy", "2.2.0"),),
        (Package("numpy", "2.2.0"), Package("xgboost", "2.1.1")),
        (Package("numpy", "2.2.0"), Package("xgboost", "2.1.1")),
    ):
        fraud.register(model, "fraud", capture=_with(captured, *packages))
    return fraud


@pytest.mark.parametrize(
    ("reference", "since"),
    [
        ("fraud:1", {"joblib": "fraud:1", "numpy": "fraud:1"}),
        ("fraud:2", {"joblib": "fraud:1", "numpy": "fraud:2"}),
        ("fraud:3", {"joblib": "fraud:1", "numpy": "fraud:3"}),
        ("fraud:5", {"joblib": "fraud:1", "numpy": "fraud:3", "xgboost": "fraud:4"}),
    ],
)
def test_it_says_since_which_version_a_pin_is_wanted(
    history: Registry, captured: Capture, reference: str, since: dict[str, str]
) -> None:
    bare = captured._replace(environment=captured.environment._replace(packages=(Package("scikit-learn", "1.5.2"),)))
    findings = history.verify_env(reference, environment=bare).findings
    assert {finding.subject: (finding.since or "").split(" ")[0] for finding in findings} == since


def test_since_passes_over_a_deleted_version(history: Registry, captured: Capture) -> None:
    history.delete("fraud:3")
    (finding,) = history.verify_env("fraud:5", environment=_without(captured, "x")).findings[:1]
    assert finding.since is not None
    assert finding.subject == "numpy"
    assert finding.since.startswith("fraud:4 of ")


@pytest.mark.parametrize("what", ["versions/00000002.json", "environments/"])
def test_damage_in_an_earlier_version_does_not_keep_this_one_from_being_checked(
    history: Registry, store: Store, captured: Capture, what: str
) -> None:
    if what == "environments/":
        what += history.resolve("fraud:2").environment.digest.removeprefix("sha256:")
    damage_record(store, f"models/fraud/{what}", lambda data: data.replace(b"1", b"2"))
    report = history.verify_env("fraud:5", environment=_without(captured, "joblib"))
    assert not report.fits
    assert {finding.subject for finding in report.findings} == {"joblib", "numpy", "xgboost"}
    with pytest.raises(IntegrityError):
        history.verify_env("fraud:2", environment=captured)


def test_a_fitting_environment_costs_no_look_at_other_versions(
    history: Registry, store: Store, captured: Capture
) -> None:
    read: list[str] = []

    class Reading(WatchedStore):
        def read(self, key: str, limit: int) -> bytes:
            read.append(key)
            return self.inner.read(key, limit)

    watched = Registry(Reading(store))
    assert watched.verify_env("fraud:1", environment=captured).fits
    assert [key for key in read if "/versions/" in key] == ["models/fraud/versions/00000001.json"]
    read.clear()
    assert not watched.verify_env("fraud:2", environment=captured).fits
    assert {key[-13:] for key in read if "/versions/" in key} == {"00000002.json", "00000001.json"}


# A pulled manifest alone


def test_a_pulled_manifest_is_enough_without_the_registry(fraud: Registry, captured: Capture) -> None:
    folder = fraud.pull("fraud").folder
    pulled = read_pulled(folder)
    assert verify_pulled(pulled, captured).fits
    report = verify_pulled(pulled, _with(captured, Package("numpy", "2.2.0")))
    assert [str(finding).partition(" of ")[0] for finding in report.findings] == [
        "numpy is 2.2.0; the model wants 2.1.0 (wanted since fraud:1"
    ]


@pytest.fixture
def pulled(quick: Run, model: Path, tmp_path: Path) -> Path:
    """A folder with fraud:1 as this interpreter's environment registered it; the registry is gone."""
    assert quick("register", str(model), "fraud").code == 0
    assert quick("pull", "fraud").code == 0
    shutil.rmtree(tmp_path / "registry")
    return Path("fraud/1")


def test_the_command_checks_a_pulled_folder_with_the_registry_gone(quick: Run, pulled: Path) -> None:
    for reference in ("fraud/1", "fraud/1/modelreg.yaml", "./fraud/1"):
        ran = quick("verify-env", reference, MODELREG_REGISTRY="nonsense://nowhere")
        assert (ran.code, ran.err) == (0, "")
        assert "fits fraud:1" in ran.out


def test_the_command_without_a_reference_checks_all_that_was_pulled_below(quick: Run, pulled: Path) -> None:
    shutil.copytree(pulled, "deep/down/second")
    ran = quick("verify-env", "--json")
    assert ran.code == 0
    assert [result["reference"] for result in json.loads(ran.out)["results"]] == ["fraud:1", "fraud:1"]
    manifest = Path("deep/down/second/modelreg.yaml")
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("python: 3", "python: 9", 1), encoding="utf-8")
    ran = quick("verify-env")
    assert (ran.code, ran.out.count(" fits fraud:1")) == (6, 1)
    assert "deep/down/second/modelreg.yaml was edited" in ran.err


def test_manifests_in_hidden_folders_and_in_environments_are_passed_over(quick: Run, pulled: Path) -> None:
    for folder in (".cache/x", "venv/lib"):
        shutil.copytree(pulled, folder)
    Path("venv/pyvenv.cfg").touch()
    assert len(json.loads(quick("verify-env", "--json").out)["results"]) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- pytest==", "- pytest==0"),
        ('"name": "pytest", ', '"name": "pytest-x", '),
        ("\npython: 3", "\npython: 9"),
        ('"version": "3.', '"version": "4.'),
    ],
    ids=["a dependency", "the environment", "Python", "Python in the environment"],
)
def test_an_edited_manifest_is_refused_with_exit_6(quick: Run, pulled: Path, old: str, new: str) -> None:
    manifest = pulled / "modelreg.yaml"
    text = manifest.read_text(encoding="utf-8")
    assert old in text
    manifest.write_text(text.replace(old, new), encoding="utf-8")
    ran = quick("verify-env", str(pulled))
    assert (ran.code, ran.out) == (6, "")
    assert ran.err == f"error: {manifest} {ran.err.partition(f'{manifest} ')[2]}"
    assert "edited" in ran.err


def test_a_folder_without_a_manifest_is_not_found(quick: Run) -> None:
    Path("empty").mkdir()
    ran = quick("verify-env", "./empty")
    assert (ran.code, ran.out) == (4, "")
    assert "empty" in ran.err


# The command


def test_nothing_to_check_is_never_green(run: Run) -> None:
    ran = run("verify-env")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: nothing to check: name a version")


def test_the_models_that_the_project_names_are_checked(
    quick: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fraud", "churn"):
        quick("register", str(model), name)
    Path("pyproject.toml").write_text('[tool.modelreg.models]\nfraud = "1"\nchurn = "@latest"\n', encoding="utf-8")
    Path("src").mkdir()
    monkeypatch.chdir("src")
    ran = quick("verify-env", "--json")
    assert ran.code == 0
    assert [result["reference"] for result in json.loads(ran.out)["results"]] == ["fraud:1", "churn:1"]
    Path("../pyproject.toml").write_text('[tool.modelreg.models]\nfraud = "7"\n', encoding="utf-8")
    assert quick("verify-env").code == 4


@pytest.fixture
def bare() -> str:
    """The folder of a virtual environment with nothing in it."""
    return str(make_place(Path("bare").absolute()).folder)


def test_text_says_the_verdict_every_difference_and_how_much_was_compared(run: Run, model: Path, bare: str) -> None:
    run("register", str(model), "fraud")
    ran = run("verify-env", "fraud", "--python", bare)
    assert (ran.code, ran.err) == (3, "")
    first, *findings, counted, ignored, remedy = ran.out.splitlines()
    assert first.startswith(f"{bare} (Python ")
    assert first.endswith(") does not fit fraud:1")
    assert all(finding.startswith("  error    ") for finding in findings)
    assert any("pytest is not installed; the model wants " in finding for finding in findings)
    tooling = r"modelreg(, pip)?(, uv)? \(tooling\)"
    assert re.fullmatch(r"  \d+ packages \(\d+ pinned\), Python and the platform were compared; policy exact", counted)
    assert re.fullmatch(rf"  not compared: {tooling}", ignored)
    assert counted.split(" ")[2] == str(len(findings))
    assert remedy == "  Add --fix-command for the pip or uv command that puts it right."


def test_json_says_the_same(quick: Run, model: Path, bare: str) -> None:
    quick("register", str(model), "fraud")
    ran = quick("verify-env", "fraud:1", "--python", bare, "--json")
    answer = json.loads(ran.out)
    assert (ran.code, answer["format"], answer["fits"]) == (3, 1, False)
    (result,) = answer["results"]
    assert (result["reference"], result["fits"], result["environment"]) == ("fraud:1", False, bare)
    (finding,) = [finding for finding in result["findings"] if finding["subject"] == "pytest"]
    assert finding | {"wanted": "", "since": "", "message": ""} == {
        "severity": "error",
        "kind": "missing",
        "subject": "pytest",
        "wanted": "",
        "found": None,
        "since": "",
        "role": "pinned",
        "note": None,
        "message": "",
    }
    assert finding["message"].startswith("pytest is not installed; the model wants ")


def test_quiet_prints_only_what_does_not_fit(quick: Run, model: Path, bare: str) -> None:
    quick("register", str(model), "fraud")
    assert quick("verify-env", "fraud", "-q").out == ""
    ran = quick("verify-env", "fraud", "fraud:1", "--python", bare, "-q")
    assert (ran.code, ran.out, ran.err) == (3, "fraud:1\nfraud:1\n", "")


def test_several_references_fit_only_if_all_of_them_do(quick: Run, model: Path, bare: str) -> None:
    quick("register", str(model), "fraud")
    quick("register", str(model), "bare", "--python", bare)
    ran = quick("verify-env", "fraud", "bare")
    assert ran.code == 3
    assert "fits fraud:1" in ran.out
    assert "does not fit bare:1" in ran.out


def test_an_active_virtual_environment_is_the_one_that_is_checked(quick: Run, model: Path, bare: str) -> None:
    quick("register", str(model), "fraud")
    assert quick("verify-env", "fraud", VIRTUAL_ENV=bare).code == 3


def test_a_model_that_is_not_there_hides_the_report_of_no_other(quick: Run, model: Path, bare: str) -> None:
    quick("register", str(model), "fraud")
    ran = quick("verify-env", "gone", "fraud", "--python", bare)
    assert ran.code == 4
    assert "does not fit fraud:1" in ran.out
    assert ran.err.startswith("error: gone could not be checked: there is no model gone in ")
    assert ran.err.count("error: ") == 1
    fixed = quick("verify-env", "gone", "fraud", "--fix-command")
    assert (fixed.code, fixed.out) == (4, "")
    assert "There is nothing to put right.\nerror: gone could not be checked" in fixed.err


def test_of_several_models_that_cannot_be_checked_the_first_gives_the_exit_code(quick: Run, model: Path) -> None:
    quick("register", str(model), "fraud")
    ran = quick("verify-env", "fraud:x:y", "fraud:7", "fraud")
    assert ran.code == 2
    assert ran.err.count("error: fraud:") == 2
    assert "fits fraud:1" in ran.out


def test_a_damaged_manifest_hides_the_report_of_no_other(quick: Run, pulled: Path) -> None:
    whole = Path(shutil.copytree(pulled, "whole/1"))
    pulled.joinpath("modelreg.yaml").write_text("damaged")
    ran = quick("verify-env", str(pulled), str(whole), "--json")
    assert ran.code == 6
    document = json.loads(ran.out)
    assert document["fits"] is False
    assert [result["fits"] for result in document["results"]] == [True]
    (failure,) = document["failures"]
    assert (failure["reference"], failure["exit_code"]) == (str(pulled), 6)
    assert failure["message"] in ran.err


def test_a_registry_that_cannot_be_reached_is_asked_once_and_hides_no_pulled_manifest(
    quick: Run, pulled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    resolve = Registry.resolve

    def counted(registry: Registry, reference: str, *, at: str | None = None) -> Version:
        asked.append(reference)
        return resolve(registry, reference, at=at)

    monkeypatch.setattr(Registry, "resolve", counted)
    nobody = bucket_servers.s3_environ(f"http://127.0.0.1:{bucket_servers.free_ports(1)[0]}")
    ran = quick("verify-env", "a:1", "b:1", str(pulled), "--registry", "s3://nowhere/x", AWS_MAX_ATTEMPTS="1", **nobody)
    assert ran.code == 8
    assert "fits fraud:1" in ran.out
    assert "error: a:1, b:1 could not be checked: " in ran.err
    assert asked == ["a:1"]


def test_a_lock_that_is_not_there_is_said_once_for_all_models(quick: Run, model: Path) -> None:
    quick("register", str(model), "fraud")
    ran = quick("verify-env", "fraud", "fraud:1", "--lock", "none.txt")
    assert (ran.code, ran.out, ran.err.count("error: ")) == (4, "", 1)


def test_an_environment_that_cannot_be_read_ends_the_command_without_a_document(quick: Run, model: Path) -> None:
    quick("register", str(model), "fraud")
    ran = quick("verify-env", "fraud", "fraud:1", "--image", "./nothing", "--json")
    assert (ran.code, ran.out, ran.err.count("error: ")) == (4, "", 1)
