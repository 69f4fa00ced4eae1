"""verify-env looks into the files of an environment: code that the model names and is gone, files that were changed."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Run
from environments import Place, make_place, make_wheel

from modelreg import Registry, Severity, capture, find_interpreter

PICKLE = b"cpkg.losses\nLoss\n0cpkg.trees\nTree\n."
"""Names pkg.losses.Loss and pkg.trees.Tree; it is only ever read, not loaded."""
OLD = {"pkg/__init__.py": "", "pkg/losses.py": "class Loss: ...\n", "pkg/trees.py": "class Tree: ...\n"}
MOVED = {"pkg/__init__.py": "", "pkg/loss.py": "class Loss: ...\n", "pkg/trees.py": "class Tree: ...\n"}
RENAMED = {**OLD, "pkg/losses.py": "class HalfLoss: ...\n"}
SAME = {**OLD, "pkg/more.py": "class More: ...\n"}
UNSURE = {**OLD, "pkg/losses.py": "from ._native import *\n"}


class Places:
    """Environments that each hold one version of pkg."""

    def __init__(self, folder: Path, uv: Path) -> None:
        self._folder = folder
        self._uv = uv

    def make(self, name: str, version: str, modules: Mapping[str, str], *needed: Path) -> Place:
        place = make_place(self._folder / name)
        requires = tuple(wheel.name.partition("-")[0] for wheel in needed)
        wheel = make_wheel(self._folder / f"{name}-wheels", "pkg", version, modules=modules, requires=requires)
        made = [str(self._uv), "pip", "install", "--offline", "--no-config", "--quiet", "--link-mode", "copy"]
        subprocess.run([*made, "--python", str(place.python), str(wheel), *map(str, needed)], check=True)
        return place


@pytest.fixture
def places(tmp_path: Path, uv: Path) -> Places:
    return Places(tmp_path, uv)


@pytest.fixture
def trained(places: Places, beside: Registry) -> Place:
    """Where fraud:1 was made, whose pickle names two classes of pkg 1.0."""
    place = places.make("trained", "1.0", OLD)
    Path("model.pkl").write_bytes(PICKLE)
    beside.register("model.pkl", "fraud", python=place.python)
    return place


@pytest.mark.parametrize(
    ("modules", "sentence"),
    [
        (MOVED, "there is no module pkg.losses, but the model's files name pkg.losses.Loss, so it cannot be loaded"),
        (RENAMED, "pkg.losses has no Loss, but the model's files name pkg.losses.Loss, so it cannot be loaded"),
        (SAME, None),
        (UNSURE, None),
    ],
)
def test_code_that_is_gone_from_another_version_is_named(
    trained: Place, places: Places, beside: Registry, modules: Mapping[str, str], sentence: str | None
) -> None:
    other = places.make("serving", "2.0", modules)
    report = beside.verify_env("fraud", python=other.python)
    kinds = {finding.kind: finding for finding in report.findings}
    assert "version" in kinds
    code = kinds.get("code")
    assert (str(code) if code else None) == sentence
    assert code is None or (code.severity, code.subject) == (Severity.ERROR, "pkg")


def test_a_package_that_is_missing_is_told_once(trained: Place, tmp_path: Path, beside: Registry) -> None:
    report = beside.verify_env("fraud", python=make_place(tmp_path / "empty").python)
    assert [(finding.kind, finding.subject) for finding in report.findings] == [("missing", "pkg")]


def test_code_that_is_gone_from_the_very_package_is_named(trained: Place, beside: Registry, run: Run) -> None:
    """Its metadata is all there: some tools that make images small delete what they think nobody needs."""
    trained.site.joinpath("pkg/losses.py").unlink()
    (found,) = beside.verify_env("fraud", python=trained.python).findings
    assert (found.severity, found.kind, found.subject) == (Severity.ERROR, "code", "pkg")
    assert "there is no module pkg.losses, but the model's files name pkg.losses.Loss" in str(found)
    done = run("verify-env", "fraud", "--python", str(trained.python), "--policy", "compatible:pkg")
    assert done.code == 3
    trained.site.joinpath("pkg/losses.py").write_text("class L0ss: ...\n")
    (found,) = beside.verify_env("fraud", python=trained.python).findings
    assert str(found).startswith("pkg.losses has no Loss")


def test_a_package_of_which_only_metadata_is_left_does_not_fit(trained: Place, beside: Registry) -> None:
    trained.site.joinpath("pkg").rename(trained.site / "elsewhere")
    (found,) = beside.verify_env("fraud", python=trained.python).findings
    assert "there is no module pkg, but the model's files name pkg.losses.Loss, pkg.trees.Tree" in str(found)


def test_a_package_is_more_than_its_metadata_also_where_modules_may_come_by_other_means(
    trained: Place, beside: Registry
) -> None:
    trained.site.joinpath("editable.pth").write_text("import __editable___other_finder\n")
    trained.site.joinpath("__editable___other_finder.py").write_text("")
    trained.site.joinpath("pkg").rename(trained.site / "elsewhere")
    (found,) = beside.verify_env("fraud", python=trained.python).findings
    assert (found.severity, str(found)) == (Severity.ERROR, "pkg is not as it was installed: pkg is missing")


def test_what_lies_beside_a_package_that_the_model_names_is_looked_for_too(places: Places, beside: Registry) -> None:
    """As numpy.libs, which has the libraries that numpy computes with."""
    place = places.make("trained", "1.0", {**OLD, "pkg.libs/libblas.so": "", "scripts-3.10/pkg": "", "docs/a.txt": ""})
    Path("model.pkl").write_bytes(PICKLE)
    beside.register("model.pkl", "fraud", python=place.python)
    for name in ("scripts-3.10", "docs"):  # what Debian puts elsewhere, and what no module is called
        shutil.rmtree(place.site / name)
    assert beside.verify_env("fraud", python=place.python).fits
    place.site.joinpath("pkg.libs/libblas.so").unlink()
    (found,) = beside.verify_env("fraud", python=place.python).findings
    assert str(found) == "pkg is not as it was installed: pkg.libs/libblas.so is missing"
    shutil.rmtree(place.site / "pkg.libs")
    (found,) = beside.verify_env("fraud", python=place.python).findings
    assert str(found) == "pkg is not as it was installed: pkg.libs is missing"


def test_a_module_of_python_s_own_that_is_not_there_is_named(trained: Place, beside: Registry, tmp_path: Path) -> None:
    """Some systems leave a part of the standard library out."""
    Path("model.pkl").write_bytes(b"cwave\nError\n0" + PICKLE)
    beside.register("model.pkl", "sound", python=trained.python)
    assert beside.verify_env("sound", python=trained.python).fits
    here = capture(find_interpreter(str(trained.python)))
    library = next(Path(entry) for entry in here.search if Path(entry, "wave.py").is_file())
    shutil.copytree(library, tmp_path / "lib", ignore=shutil.ignore_patterns("wave.py", "site-packages", "test"))
    search = tuple(str(tmp_path / "lib") if entry == str(library) else entry for entry in here.search)
    (found,) = beside.verify_env("sound", environment=here._replace(search=search)).findings
    assert "there is no module wave" in str(found)


def test_what_no_package_provided_in_training_is_said_where_it_is_not_there_either(
    trained: Place, beside: Registry
) -> None:
    Path("model.pkl").write_bytes(b"cfeatures.text\nClean\n0c__main__\nstep\n0" + PICKLE)
    beside.register("model.pkl", "own", python=trained.python)
    report = beside.verify_env("own", python=trained.python)
    script, features = report.findings
    assert "no package has what the script that made the model defined" in str(script)
    assert str(features) == (
        "there is no module features, but the model's files name features.text.Clean, so it cannot be loaded"
    )
    assert {script.severity, features.severity} == {Severity.WARNING}
    assert report.fits
    package = trained.site / "features"
    package.mkdir()
    package.joinpath("text.py").write_text("class Clean: ...\n")
    assert len(beside.verify_env("own", python=trained.python).findings) == 1


def test_a_package_that_the_model_needs_without_naming_it_is_more_than_its_metadata(
    places: Places, beside: Registry, tmp_path: Path
) -> None:
    modules = {"dep/__init__.py": "", "_dep_native.cpython-311-x86_64-linux-gnu.so": "", "tests/__init__.py": ""}
    place = places.make("needing", "1.0", OLD, make_wheel(tmp_path / "wheels", "dep", "1.0", modules=modules))
    Path("model.pkl").write_bytes(PICKLE)
    beside.register("model.pkl", "fraud", python=place.python)
    shutil.rmtree(place.site / "tests")  # which nothing needs, and slimmed images leave out
    assert beside.verify_env("fraud", python=place.python).fits
    shutil.rmtree(place.site / "dep")
    place.site.joinpath("_dep_native.cpython-311-x86_64-linux-gnu.so").unlink()
    (found,) = beside.verify_env("fraud", python=place.python).findings
    assert (found.severity, found.subject) == (Severity.ERROR, "dep")
    assert str(found).endswith(": _dep_native.cpython-311-x86_64-linux-gnu.so is missing, dep is missing")


def test_a_folder_that_is_left_of_a_package_is_not_the_package(
    places: Places, beside: Registry, tmp_path: Path
) -> None:
    """Its folder stays, of a namespace also with other packages in it."""
    modules = {"dep/__init__.py": "", "dep/a.py": "", "shared/part/__init__.py": "", "shared/part/a.py": ""}
    place = places.make("needing", "1.0", OLD, make_wheel(tmp_path / "wheels", "dep", "1.0", modules=modules))
    Path("model.pkl").write_bytes(PICKLE)
    beside.register("model.pkl", "fraud", python=place.python)
    assert beside.verify_env("fraud", python=place.python).fits
    place.site.joinpath("shared/other").mkdir()
    place.site.joinpath("dep/__init__.py").unlink()  # as another of nvidia's packages takes along what they share
    assert beside.verify_env("fraud", python=place.python).fits
    for name in ("dep/a", "shared/part/__init__"):  # where sources are taken out, bytecode stands for them
        place.site.joinpath(f"{name}.py").rename(place.site / f"{name}.pyc")
    assert beside.verify_env("fraud", python=place.python).fits
    for name in ("dep", "shared/part"):
        shutil.rmtree(place.site / name)
    place.site.joinpath("dep/__pycache__").mkdir(parents=True)
    (found,) = beside.verify_env("fraud", python=place.python).findings
    assert (found.severity, found.kind, found.subject) == (Severity.ERROR, "files", "dep")
    assert str(found).endswith(": dep/__init__.py is missing, shared/part/__init__.py is missing")


def test_a_package_without_a_module_of_its_own_at_the_top_may_lack_its_tests(
    places: Places, beside: Registry, tmp_path: Path
) -> None:
    modules = {"shared/part/a/tests/one.py": "", "shared/part/b.py": ""}
    place = places.make("needing", "1.0", OLD, make_wheel(tmp_path / "wheels", "dep", "1.0", modules=modules))
    Path("model.pkl").write_bytes(PICKLE)
    beside.register("model.pkl", "fraud", python=place.python)
    shutil.rmtree(place.site / "shared/part/a")
    assert beside.verify_env("fraud", python=place.python).fits
    place.site.joinpath("shared/part/b.py").unlink()
    (found,) = beside.verify_env("fraud", python=place.python).findings
    assert str(found) == "dep is not as it was installed: shared/part/b.py is missing"


def test_names_of_python_s_own_modules_are_looked_up_where_python_is_another(trained: Place, beside: Registry) -> None:
    Path("model.pkl").write_bytes(b"cfractions\nNever\n0" + PICKLE)
    beside.register("model.pkl", "parts", python=trained.python)
    here = capture(find_interpreter(str(trained.python)))
    assert beside.verify_env("parts", environment=here).fits
    other = here.environment._replace(python=here.environment.python._replace(version="3.12.9"))
    found = {
        one.kind: str(one) for one in beside.verify_env("parts", environment=here._replace(environment=other)).findings
    }
    assert found["code"].startswith("fractions has no Never")


def test_deep_finds_an_edit_that_nothing_else_shows(trained: Place, run: Run) -> None:
    command = ("verify-env", "fraud", "--python", str(trained.python))
    assert run(*command, "--deep").code == 0
    trained.site.joinpath("pkg/losses.py").write_text("class Loss: 0.0\n")
    assert run(*command).code == 0
    done = run(*command, "--deep")
    assert done.code == 3
    assert "pkg is not as it was installed: pkg/losses.py was changed" in done.out


def test_deep_finds_a_file_that_was_added_in_place_of_a_module_and_that_no_command_removes(
    trained: Place, run: Run
) -> None:
    trained.site.joinpath("pkg", "trees.abi3.so").write_text("")
    deep = run("verify-env", "fraud", "--python", str(trained.python), "--deep")
    assert deep.code == 3
    assert "pkg is not as it was installed: pkg/trees.abi3.so was added, and is imported in place of" in deep.out
    fixed = run("verify-env", "fraud", "--python", str(trained.python), "--deep", "--fix-command")
    assert "pkg/trees.abi3.so stays beside pkg: the command removes nothing; delete it" in fixed.err


def test_deep_says_what_it_could_not_check_and_that_fails_unless_it_is_allowed(
    trained: Place, beside: Registry
) -> None:
    next(trained.site.glob("pkg-*.dist-info/RECORD")).unlink()
    report = beside.verify_env("fraud", python=trained.python, deep=True)
    (found,) = report.findings
    assert (found.severity, found.kind, report.fits) == (Severity.UNCHECKED, "unknown", False)
    assert "pkg could not be checked: it has no RECORD that says which files were installed" in str(found)
    assert beside.verify_env("fraud", python=trained.python, deep=True, allow_unchecked=True).fits


def test_deep_says_that_files_could_not_be_checked_where_they_were_not_known_in_training_either(
    trained: Place, beside: Registry
) -> None:
    next(trained.site.glob("pkg-*.dist-info/RECORD")).unlink()
    beside.register("model.pkl", "unknown", python=trained.python)
    assert beside.verify_env("unknown", python=trained.python).fits
    (found,) = beside.verify_env("unknown", python=trained.python, deep=True).findings
    said = "the files of pkg were not checked: it has no RECORD that says what was installed"
    assert (found.severity, str(found)) == (Severity.UNCHECKED, said)


def test_many_changed_files_are_counted_in_one_finding(trained: Place, beside: Registry) -> None:
    for file, content in OLD.items():
        trained.site.joinpath(file).write_text(f"{content}changed = True\n")
    next(trained.site.glob("pkg-*.dist-info/WHEEL")).unlink()
    (found,) = beside.verify_env("fraud", python=trained.python, deep=True).findings
    assert (found.kind, found.severity, found.wanted) == ("files", Severity.ERROR, "1.0")
    assert str(found).endswith(", and 1 more")


def test_of_a_lock_no_files_can_be_looked_at(trained: Place, run: Run) -> None:
    Path("requirements.txt").write_text("pkg==1.0\n")
    done = run("verify-env", "fraud", "--lock", "requirements.txt", "--deep")
    assert (done.code, done.out) == (2, "")
    assert "--deep looks for installed files" in done.err
