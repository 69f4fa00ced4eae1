"""modelreg.verify_env: the process that serves a model checks itself when it starts."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import Run
from environments import Place, add, make_place

import modelreg
from modelreg import EnvironmentMismatchError, NotFoundError, Registry, Version

SOURCE = Path(modelreg.__file__).parent


@pytest.fixture
def server(tmp_path: Path) -> Place:
    """An environment of a server, which has modelreg on its path beside three packages."""
    place = make_place(tmp_path / "server")
    for name, version in (("joblib", "1.5.1"), ("numpy", "2.1.0"), ("scikit_learn", "1.5.2"), ("zope.interface", "6")):
        add(place.site, name, version)
    # Its modules alone: where modelreg is installed, all else is there, too.
    shutil.copytree(SOURCE, place.site / "modelreg", ignore=shutil.ignore_patterns("__pycache__"))
    return place


@pytest.fixture
def fraud(server: Place, beside: Registry, model: Path) -> Version:
    """fraud:1, registered with the server's own environment."""
    return beside.register(model, "fraud", python=server.python, aliases=["production"]).version


def _serve(server: Place, call: str, registry: Registry, *after: str) -> tuple[int, Sequence[str], str]:
    """Call it in the server's interpreter; return the exit code, the modules that were loaded, and what it said."""
    code = f"import modelreg, sys, json; report = modelreg.verify_env({call}); {'; '.join(after) or 'pass'}; "
    code += "print(json.dumps([report.reference, report.comparison.compared, *sys.modules]))"
    done = subprocess.run(
        [str(server.python), "-c", code],
        capture_output=True,
        text=True,
        env={"MODELREG_REGISTRY": registry.url, "PATH": "/usr/bin:/bin"},
        check=False,
    )
    return done.returncode, json.loads(done.stdout or "[]"), done.stderr


def test_a_server_that_has_what_the_model_needs_starts(server: Place, fraud: Version, beside: Registry) -> None:
    code, (reference, compared, *_), _ = _serve(server, "'fraud@production'", beside)
    assert (code, reference, int(compared)) == (0, "fraud:1", 4)


def test_a_pulled_folder_needs_no_registry_and_nothing_heavy(server: Place, fraud: Version, beside: Registry) -> None:
    beside.pull(fraud, "pulled")
    code, (reference, _, *loaded), said = _serve(server, "'./pulled'", Registry.open("/nowhere"))
    assert (code, reference) == (0, "fraud:1"), said
    heavy = {"typer", "click", "rich", "yaml", "packaging", "importlib.metadata", "subprocess", "platformdirs"}
    assert not heavy & set(loaded)
    assert "modelreg.imports.definitions" not in loaded  # what parses sources


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("numpy-2.1.0.dist-info -> numpy-2.2.0.dist-info", "numpy is 2.2.0; the model wants 2.1.0"),
        ("scikit_learn-1.5.2.dist-info -> scikit_learn.gone", "scikit-learn is not installed; the model wants 1.5.2"),
    ],
)
def test_one_that_has_not_is_refused_with_a_sentence(
    server: Place, fraud: Version, beside: Registry, change: str, sentence: str
) -> None:
    old, new = change.split(" -> ")
    metadata = server.site / old / "METADATA"
    metadata.write_text(metadata.read_text().replace("2.1.0", "2.2.0"))
    server.site.joinpath(old).rename(server.site / new)
    code, _, said = _serve(server, "'fraud@production'", beside)
    assert code == 1
    assert f"EnvironmentMismatchError: this process does not fit fraud:1: {sentence}" in said
    assert "modelreg verify-env fraud:1" in said


def test_the_command_that_tells_the_whole_of_it_makes_the_same_check(
    server: Place, fraud: Version, beside: Registry, run: Run
) -> None:
    beside.pull(fraud, "a model")
    add(server.site, "intruder", "1.0")
    call = "__import__('pathlib').Path('a model'), policy='strict', deep=True"
    code, _, said = _serve(server, call, Registry.open("/nowhere"))
    command = said.rpartition("; ")[2].partition(" tells")[0]
    assert (code, command) == (
        1,
        f"modelreg verify-env './a model' --policy strict --python {server.python} --deep",
    )
    done = run(*shlex.split(command)[1:])
    assert (done.code, "intruder 1.0 is installed" in done.out) == (3, True)


def test_a_package_whose_folder_has_another_name_is_found_all_the_same(
    server: Place, fraud: Version, beside: Registry
) -> None:
    server.site.joinpath("numpy-2.1.0.dist-info").rename(server.site / "renamed-1.dist-info")
    assert _serve(server, "'fraud'", beside)[0] == 0


def test_what_stands_earlier_on_the_path_counts_as_it_does_for_imports(
    server: Place, fraud: Version, beside: Registry, tmp_path: Path
) -> None:
    add(tmp_path / "earlier", "numpy", "1.26.4")
    server.site.joinpath("a.pth").write_text(f"import sys; sys.path.insert(0, {str(tmp_path / 'earlier')!r})\n")
    code, _, said = _serve(server, "'fraud'", beside)
    assert code == 1
    assert "numpy is 1.26.4; the model wants 2.1.0" in said


def test_strict_looks_at_everything(server: Place, fraud: Version, beside: Registry) -> None:
    add(server.site, "intruder", "1.0")
    assert _serve(server, "'fraud'", beside)[0] == 0
    code, _, said = _serve(server, "'fraud', policy='strict'", beside)
    assert code == 1
    assert "intruder 1.0 is installed; the model does not ask for it" in said


def test_it_says_the_same_as_the_command(fraud: Version, beside: Registry) -> None:
    with pytest.raises(EnvironmentMismatchError) as caught:
        modelreg.verify_env("fraud", registry=beside.url)
    report = beside.verify_env("fraud", python=sys.executable)
    failing = [finding for finding in report.findings if finding.severity in report.comparison.failing]
    assert failing
    assert str(failing[0]).partition(" (wanted since")[0] in str(caught.value)


def test_a_model_that_is_not_there_is_never_taken_for_one_that_fits(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        modelreg.verify_env("fraud", registry=str(tmp_path / "registry"))
    with pytest.raises(NotFoundError):
        modelreg.verify_env(tmp_path)


def test_a_file_beside_the_server_hides_nothing_that_it_has_imported(
    server: Place, fraud: Version, beside: Registry
) -> None:
    """`python -c` has the working directory first on its path, as a server has its own folder."""
    Path("wave.py").write_text("")
    code, _, said = _serve(server, "'fraud'", beside)
    assert code == 1
    assert "wave of Python's standard library is hidden by " in said
    # The command starts an interpreter of its own, which has not that folder first.
    assert said.rstrip().endswith(" tells the whole of it, but not what this program itself put on its path")
    code, _, said = _serve(server, "(sys.path.pop(0), __import__('wave'), sys.path.insert(0, ''), 'fraud')[-1]", beside)
    assert code == 0, said


def test_a_package_that_was_imported_from_elsewhere_before_the_path_was_changed_is_found(
    server: Place, fraud: Version, beside: Registry, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in (server.site, elsewhere):
        folder.joinpath("numpy.py").write_text("")
    server.site.joinpath("numpy-2.1.0.dist-info", "RECORD").write_text("numpy.py,,\n")
    take = f"(sys.path.insert(0, {str(elsewhere)!r}), __import__('numpy'), sys.path.pop(0), 'fraud')[-1]"
    code, _, said = _serve(server, take, beside)
    assert code == 1
    assert (
        f"numpy was imported from {elsewhere / 'numpy.py'}, which is on the path no more, and not where 2.1.0" in said
    )
    code, _, said = _serve(server, "(__import__('numpy'), 'fraud')[-1]", beside)
    assert code == 0, said


def test_a_server_whose_working_directory_is_gone_is_checked_all_the_same(
    server: Place, fraud: Version, beside: Registry, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    leave = f"os := __import__('os'), os.mkdir({str(gone)!r}), os.chdir({str(gone)!r}), os.rmdir({str(gone)!r})"
    code, _, said = _serve(server, f"({leave}, 'fraud')[-1]", beside)
    assert code == 0, said
