"""Where settings come from, and which goes before which."""

import os
from pathlib import Path

import platformdirs
import pytest
from conftest import Run

from modelreg import UsageError
from modelreg.settings import actor, model_name, project_models, registry_url


def project(text: str, folder: Path | None = None) -> Path:
    path = (folder or Path.cwd()) / "pyproject.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def config(text: str) -> Path:
    path = Path(platformdirs.user_config_dir("modelreg", appauthor=False), "config.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_any_setting_the_registry_is_in_the_users_data_folder() -> None:
    data = platformdirs.user_data_dir("modelreg", appauthor=False)
    assert registry_url() == str(Path(data, "registry"))


def test_an_option_goes_before_a_variable_a_project_a_config_file_and_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = registry_url()
    set_by_config = config('registry = "/by/config"\n')
    assert registry_url() == str(Path(set_by_config.parent, "/by/config")) != default
    project('[tool.modelreg]\nregistry = "s3://by/project"\n')
    assert registry_url() == "s3://by/project"
    monkeypatch.setenv("MODELREG_REGISTRY", "gs://by/variable")
    assert registry_url() == "gs://by/variable"
    assert registry_url("by/option") == "by/option"


def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    config('registry = "s3://by/config"\n')
    project('[tool.modelreg]\nregistry = ""\n')
    monkeypatch.setenv("MODELREG_REGISTRY", "")
    assert registry_url("") == "s3://by/config"


def test_a_folder_in_a_file_is_relative_to_that_file(monkeypatch: pytest.MonkeyPatch) -> None:
    written = config('registry = "models"\n')
    assert Path(registry_url()) == written.parent / "models"
    root = project('[tool.modelreg]\nregistry = "../models"\n').parent
    below = root / "src" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert Path(registry_url()).resolve() == root.parent / "models"


@pytest.mark.parametrize("url", ["~/models", "s3://bucket/models", "file:///srv/models"])
def test_a_home_or_a_url_in_a_file_is_relative_to_nothing(url: str) -> None:
    project(f'[tool.modelreg]\nregistry = "{url}"\n')
    assert registry_url() == url


def test_a_home_in_a_file_is_the_users(run: Run, model: Path, tmp_path: Path) -> None:
    project('[tool.modelreg]\nregistry = "~/models"\n')
    ran = run("register", str(model), "fraud", MODELREG_REGISTRY="", USERPROFILE=str(tmp_path / "home"))
    assert ran.code == 0, ran.err
    assert (tmp_path / "home" / "models" / "modelreg.json").is_file()


def test_the_nearest_project_counts_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    root = project('[tool.modelreg]\nregistry = "s3://outer"\nname = "outer"\n').parent
    inner = root / "inner"
    project('[tool.modelreg]\nname = "inner"\n', inner)
    monkeypatch.chdir(inner)
    assert model_name(Path("model.pkl")) == "inner"
    assert not registry_url().startswith("s3://")


def test_a_project_without_a_table_of_ours_sets_nothing() -> None:
    project('[project]\nname = "app"\n')
    assert model_name(Path("model.pkl")) == "model"
    assert project_models() == {}


@pytest.mark.parametrize(
    ("path", "name"),
    [("fraud.pkl", "fraud"), ("models/fraud.tar.gz", "fraud.tar"), ("./fraud", "fraud"), ("fraud.keras", "fraud")],
)
def test_a_file_is_named_after_its_stem(path: str, name: str) -> None:
    assert model_name(Path(path)) == name


def test_a_folder_is_named_after_itself_with_all_its_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("fraud.v2").mkdir()
    assert model_name(Path("fraud.v2")) == "fraud.v2"
    monkeypatch.chdir("fraud.v2")
    assert model_name(Path()) == "fraud.v2"


def test_the_projects_models_are_versions_and_aliases() -> None:
    project('[tool.modelreg.models]\nfraud = "3"\nchurn = "@production"\n')
    assert project_models() == {"fraud": "3", "churn": "@production"}


WRONG = {
    "no TOML": ("[tool.modelreg]\nregistry = ", "is no valid TOML: "),
    "no UTF-8": ("\udcff", "is no valid TOML: "),
    "nested without end": (f"modelreg = {'[' * 5000}", "is no valid TOML: "),
    "tool is no table": ("tool = 'modelreg'", "tool.modelreg must be a table"),
    "our table is none": ("[tool]\nmodelreg = 3", "tool.modelreg must be a table"),
    "the registry is a number": ("[tool.modelreg]\nregistry = 3", "registry must be a string"),
    "the registry is a list": ("[tool.modelreg]\nregistry = ['a']", "registry must be a string"),
}


@pytest.mark.parametrize(("text", "sentence"), WRONG.values(), ids=WRONG)
def test_a_project_file_that_makes_no_sense_is_a_usage_error_that_names_it(text: str, sentence: str) -> None:
    path = Path.cwd() / "pyproject.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError) as refused:
        registry_url()
    assert str(refused.value).startswith(str(path))
    assert sentence in str(refused.value)


def test_a_config_file_that_makes_no_sense_is_a_usage_error_that_names_it() -> None:
    path = config("registry = ")
    with pytest.raises(UsageError, match="is no valid TOML") as refused:
        registry_url()
    assert str(path) in str(refused.value)
    path.write_text("registry = 3\n")
    with pytest.raises(UsageError, match="registry must be a string"):
        registry_url()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that nobody can read, root included")
def test_a_file_that_cannot_be_read_is_a_usage_error_that_names_it() -> None:
    Path("pyproject.toml").symlink_to("/proc/self/mem")
    with pytest.raises(UsageError, match=r"pyproject\.toml cannot be read: .*; see that you may read it"):
        registry_url()


def test_a_folder_where_the_project_file_should_be_is_none() -> None:
    Path("pyproject.toml").mkdir()
    assert model_name(Path("model.pkl")) == "model"


@pytest.mark.parametrize(
    "text",
    ["models = 3", "models = ['fraud:3']", "[tool.modelreg.models]\nfraud = 3", "models.fraud.version = '3'"],
    ids=["number", "list", "number_for_a_version", "table_for_a_version"],
)
def test_models_that_are_no_lines_of_text_are_a_usage_error_that_shows_how(text: str) -> None:
    project(f"[tool.modelreg]\n{text}\n")
    with pytest.raises(UsageError, match=r'holds lines such as fraud = "3" or fraud = "@production"'):
        project_models()


@pytest.mark.parametrize("text", ["policy = 'strict'", "modles.fraud = '3'", "exception.numpy = {}"])
def test_verify_env_refuses_what_is_no_setting_since_somebody_wants_another_check_than_it_would_make(
    run: Run, text: str
) -> None:
    project(f"[tool.modelreg]\n{text}\n")
    ran = run("verify-env", "fraud:1")
    assert ran.code == 2
    assert "is no setting of [tool.modelreg]; there are registry, name, groups, models, exceptions" in ran.err


def test_a_config_file_without_a_registry_leaves_the_default() -> None:
    default = registry_url()
    config("colour = true\n")
    assert registry_url() == default


def test_a_name_that_is_no_text_is_a_usage_error() -> None:
    project("[tool.modelreg]\nname = 3\n")
    with pytest.raises(UsageError, match=r"tool\.modelreg\.name must be a string"):
        model_name(Path("model.pkl"))


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete the folder that a process is in")
def test_a_working_directory_that_is_gone_has_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert registry_url().endswith("registry")


CI = ("MODELREG_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR", "CIRCLE_USERNAME")
LOGIN = ("LOGNAME", "USER", "LNAME", "USERNAME")


def test_the_actor_is_who_the_variable_names_else_the_ci_systems_else_who_is_logged_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in LOGIN:
        monkeypatch.setenv(variable, "logged-in")
    for variable in CI:
        monkeypatch.setenv(variable, variable.lower())
    for variable in CI:
        assert actor() == variable.lower()
        monkeypatch.setenv(variable, " ")
    assert actor() == "logged-in"


def test_an_actor_is_text_that_a_record_and_a_terminal_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELREG_ACTOR", " Anna\x1b[31m\udcff Größe\n")
    assert actor() == "Anna?[31m? Größe"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no users that are only numbers")
def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*CI, *LOGIN):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert actor() == "uid 54321"
