"""An editable package is whatever its folder holds, so verify-env compares the commit that the model was made at."""

import subprocess
from pathlib import Path

import pytest
from drift_places import ERROR, UNCHECKED, Found, findings, pickled
from environments import Place, add, find_uv, make_place, make_wheel

from modelreg import Origin, Registry, Version

BACKEND = """
import base64, hashlib, os, zipfile
def build_editable(folder, *_, **__):
    info, name = "ours-1.0.dist-info", "ours-1.0-py3-none-any.whl"
    files = {
        "ours.pth": os.getcwd(),
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: ours\\nVersion: 1.0\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/RECORD": f"ours.pth,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n",
    }
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    return name
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
PROJECT += '[project]\nname = "ours"\nversion = "1.0"\n'
ORIGIN: Found = {"ours": (ERROR, "origin")}
UNKNOWN: Found = {"ours": (UNCHECKED, "unknown")}


def _git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that holds a project, `ours`, in a folder, and other things beside it."""
    folder = tmp_path / "repository"
    project = folder / "ours"
    project.mkdir(parents=True)
    for name, text in (("pyproject.toml", PROJECT), ("backend.py", BACKEND), ("ours.py", "class Thing: pass\n")):
        (project / name).write_text(text)
    (folder / "README").write_text("Ours.\n")
    _git(folder, "init", "-q")
    _git(folder, "add", ".")
    _git(folder, "commit", "-qm", "one")
    return folder


@pytest.fixture
def made(repository: Path, tmp_path: Path) -> Place:
    """An environment in which `ours` is editable."""
    place = make_place(tmp_path / "made")
    flags = ["--offline", "--no-config", "--quiet", "--no-build-isolation", "--python", str(place.python)]
    subprocess.run([str(find_uv()), "pip", "install", *flags, "-e", str(repository / "ours")], check=True)
    return place


def _registered(registry: Registry, place: Place) -> Version:
    path = place.folder / "model.pkl"
    path.write_bytes(pickled(("ours:Thing",)))
    return registry.register(path, "fraud", python=place.python).version


def _edit(repository: Path, name: str) -> None:
    file = repository / name
    file.write_text(f"{file.read_text()}# More.\n")


def test_as_long_as_the_folder_holds_what_it_did_it_fits(repository: Path, made: Place, beside: Registry) -> None:
    version = _registered(beside, made)
    assert beside.verify_env(version, python=made.python).findings == ()
    _edit(repository, "README")
    _git(repository, "commit", "-qam", "two")
    assert beside.verify_env(version, python=made.python).findings == (), "another commit, the same files"
    _edit(repository, "README")
    assert beside.verify_env(version, python=made.python).findings == (), "a change elsewhere in the repository"


def test_changed_files_are_found_committed_or_not(repository: Path, made: Place, beside: Registry) -> None:
    version = _registered(beside, made)
    _edit(repository, "ours/ours.py")
    report = beside.verify_env(version, python=made.python)
    assert findings(report) == ORIGIN
    assert "with changes that no commit holds; the model wants it from an editable folder at" in str(report.findings[0])
    _git(repository, "commit", "-qam", "two")
    assert findings(beside.verify_env(version, python=made.python)) == ORIGIN


def test_what_no_commit_held_when_the_model_was_made_cannot_be_checked(
    repository: Path, made: Place, beside: Registry
) -> None:
    _edit(repository, "ours/ours.py")
    version = _registered(beside, made)
    report = beside.verify_env(version, python=made.python)
    assert (findings(report), report.fits) == (UNKNOWN, False)
    assert beside.verify_env(version, python=made.python, allow_unchecked=True).fits


def test_what_was_changed_elsewhere_in_the_repository_when_the_model_was_made_does_not_matter(
    repository: Path, made: Place, beside: Registry
) -> None:
    """As the notebook that made it."""
    _edit(repository, "README")
    version = _registered(beside, made)
    assert beside.verify_env(version, python=made.python).findings == ()
    _edit(repository, "ours/ours.py")
    assert findings(beside.verify_env(version, python=made.python)) == ORIGIN


def test_an_editable_folder_of_which_no_commit_is_known_cannot_be_checked(made: Place, beside: Registry) -> None:
    version = _registered(beside, made)
    captured = made.captured()
    (ours,) = captured.environment.packages
    environment = captured.environment._replace(packages=(ours._replace(origin=Origin("editable")),))
    report = beside.verify_env(version, environment=captured._replace(environment=environment, editable={}))
    assert findings(report) == UNKNOWN


def test_a_project_s_own_folder_on_the_path_is_editable(
    made: Place, repository: Path, beside: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = make_place(tmp_path / "released")
    wheel = make_wheel(tmp_path / "wheels", "ours", "1.0", modules={"ours.py": "class Thing: pass\n"})
    subprocess.run(
        [str(find_uv()), "pip", "install", "--offline", "--quiet", "--python", str(released.python), str(wheel)],
        check=True,
    )
    version = _registered(beside, released)
    add(repository / "ours", "ours", "1.0", folder="ours.egg-info", installer=None)
    monkeypatch.setenv("PYTHONPATH", str(repository / "ours"))
    report = beside.verify_env(version, python=released.python)
    assert findings(report) == ORIGIN
    assert "ours was installed from an editable folder; the model wants it from a release" in str(report.findings[0])
    again = _registered(beside, made)
    assert beside.verify_env(again, python=made.python).fits
