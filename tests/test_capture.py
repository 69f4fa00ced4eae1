"""A capture holds the pins of `pip freeze --all`, whatever the environment looks like."""

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from environments import Place, add, frozen, make_place, make_wheel, pinned
from packaging.version import Version

from modelreg import Interpreter, capture, find_interpreter


def test_what_pip_installed_is_pinned_as_pip_freezes_it(tmp_path: Path, place: Place) -> None:
    make_wheel(tmp_path / "wheels", "Plain_Name", "1.2")
    make_wheel(tmp_path / "wheels", "torchish", "1.2+cpu")
    local = make_wheel(tmp_path / "elsewhere", "from_a_file", "3.0")
    place.pip("install", "-q", "--find-links", str(tmp_path / "wheels"), "Plain_Name", "torchish==1.2+cpu", str(local))
    captured = place.captured()
    assert pinned(captured) == frozen(place.pip("freeze", "--all"))
    assert {"plain-name==1.2", "torchish==1.2+cpu"} <= pinned(captured)
    # `pip freeze` writes where the file lay on this machine, which no other machine can use.
    (package,) = captured.environment.unavailable
    assert (package.name, package.version, package.requirement) == ("from-a-file", "3.0", None)


def shadowed_by_pythonpath(place: Place, tmp_path: Path) -> dict[str, str]:
    add(place.site, "both", "1.0")
    add(tmp_path / "shadow", "both", "7.0")
    return {"PYTHONPATH": str(tmp_path / "shadow")}


def with_a_pth_folder(place: Place, tmp_path: Path) -> dict[str, str]:
    add(tmp_path / "beside", "beside", "4.0")
    place.site.joinpath("beside.pth").write_text(f"{tmp_path / 'beside'}\n{tmp_path / 'beside'}{os.sep}\n")
    return {}


def with_eggs(place: Place, tmp_path: Path) -> dict[str, str]:
    egg = tmp_path / "unpacked_egg-1.5-py3.8.egg" / "EGG-INFO"
    egg.mkdir(parents=True)
    egg.joinpath("PKG-INFO").write_text("Metadata-Version: 1.2\nName: unpacked-egg\nVersion: 1.5\n")
    add(place.site, "egg.folder", "0.6", folder="egg_folder-0.6-py3.8.egg-info")
    place.site.joinpath("egg_file-0.7.egg-info").write_text("Metadata-Version: 1.2\nName: egg-file\nVersion: 0.7\n")
    place.site.joinpath("easy-install.pth").write_text(f"{egg.parent}\n")
    return {}


def developed_by_setup_py(place: Place, tmp_path: Path) -> dict[str, str]:
    project = tmp_path / "developed"
    add(project, "developed", "0.1", folder="developed.egg-info")
    place.site.joinpath("developed.egg-link").write_text(f"{os.path.relpath(project, place.site)}\n.")
    place.site.joinpath("easy-install.pth").write_text(f"{project}\n")
    return {}


def twice_in_one_folder(place: Place, tmp_path: Path) -> dict[str, str]:
    add(place.site, "twice", "1.0")
    add(place.site, "twice", "2.0")
    for kind in "abcdefgh":
        add(place.site, kind, "0.1", folder=f"{kind}-0.1.egg-info")
        add(place.site, kind, "0.2")
    return {}


def with_odd_versions(place: Place, tmp_path: Path) -> dict[str, str]:
    for number, version in enumerate(("1!2.0", "1.0.post1", "1.0.dev3", "2.0rc1", "1.2+cu121", "2024.1.1", "0")):
        add(place.site, f"odd{number}", version)
    return {}


def with_odd_names(place: Place, tmp_path: Path) -> dict[str, str]:
    for name in ("PyYAML", "jupyter_core", "zope.interface", "a", "ruamel.yaml.clib", "Trailing__Many--Signs"):
        add(place.site, name, "1.0", folder=f"{name.replace('-', '_')}-1.0.dist-info")
    return {}


def with_long_metadata(place: Place, tmp_path: Path) -> dict[str, str]:
    """The version stands across the first 1,024 bytes, and a letter of two bytes across those of another."""
    head = b"Metadata-Version: 2.1\nName: cut\nSummary: "
    fill = b"x" * (1024 - len(head) - len(b"\nVersion: 1.2"))
    add(place.site, "cut", "1.2.3", metadata=head + fill + b"\nVersion: 1.2.3\n\n")
    head = b"Metadata-Version: 2.1\nName: letter\nVersion: 1.0\nSummary: "
    add(place.site, "letter", "1.0", metadata=head + b"x" * (1023 - len(head)) + "é\n\n".encode())
    return {}


BUILDERS = (
    shadowed_by_pythonpath,
    with_a_pth_folder,
    with_eggs,
    developed_by_setup_py,
    twice_in_one_folder,
    with_odd_versions,
    with_odd_names,
    with_long_metadata,
)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_the_pins_are_those_of_pip_freeze(
    build: Callable[[Place, Path], dict[str, str]], place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pinned(place.captured())
    variables = build(place, tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    captured = place.captured()
    assert pinned(captured) == frozen(place.pip("freeze", "--all"))
    assert pinned(captured) > before
    assert str(tmp_path) not in repr(captured.environment) + repr(captured.remarks)


def test_the_system_and_the_users_own_packages_count_where_the_interpreter_sees_them(
    tmp_path: Path, with_pip: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path / "user"))
    alone = make_place(tmp_path / "alone", pip=with_pip)
    shared = make_place(tmp_path / "shared", pip=with_pip, system_site=True)
    asked = [str(shared.python), "-c", "import site; print(site.getusersitepackages())"]
    user_site = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    add(user_site, "users_own", "5.0")
    assert "users-own==5.0" not in pinned(alone.captured())
    captured = shared.captured()
    assert "users-own==5.0" in pinned(captured)
    assert pinned(captured) == frozen(shared.pip("freeze", "--all"))
    assert any("the user's own site-packages" in remark for remark in captured.remarks)


def test_a_uv_environment_without_pip_is_captured_as_uv_freezes_it(tmp_path: Path, uv: Path) -> None:
    folder = tmp_path / "uv"
    made = [str(uv), "venv", "--offline", "--no-config", "--python", sys.executable, str(folder)]
    subprocess.run(made, check=True, capture_output=True)
    place = Place(folder)
    for name, version in (("PyYAML", "6.0.2"), ("jupyter_core", "5.7"), ("torchish", "1.2+cpu")):
        add(place.site, name, version, installer="uv")
    asked = [str(uv), "pip", "freeze", "--offline", "--no-config", "--python", str(place.python)]
    answer = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    assert pinned(place.captured()) == frozen(answer) == {"pyyaml==6.0.2", "jupyter-core==5.7", "torchish==1.2+cpu"}


def test_an_egg_link_makes_a_package_editable_and_a_development_folder_is_said_once(
    place: Place, tmp_path: Path
) -> None:
    developed_by_setup_py(place, tmp_path)
    # What setuptools does today: a .pth, direct_url.json, and the project's own .egg-info in the folder it points to.
    add(place.site, "modern", "1.0", direct_url={"url": "file:///project", "dir_info": {"editable": True}})
    add(tmp_path / "modern", "modern", "1.0", folder="modern.egg-info")
    place.site.joinpath("__editable__.modern.pth").write_text(f"{tmp_path / 'modern'}\n")
    captured = place.captured()
    packages = {package.name: package for package in captured.environment.packages}
    kinds = {name: origin.kind for name in ("developed", "modern") if (origin := packages[name].origin)}
    assert kinds == {"developed": "editable", "modern": "editable"}
    assert captured.remarks == ()


def test_of_two_versions_the_first_on_the_path_counts_and_the_other_is_remarked(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", shadowed_by_pythonpath(place, tmp_path)["PYTHONPATH"])
    captured = place.captured()
    assert "both==7.0" in pinned(captured)
    assert captured.remarks == (
        "both is there twice, 7.0 and 1.0; the first on the path counts",
        "PYTHONPATH was set: its packages are part of this environment",
    )


def test_the_command_line_reads_its_own_interpreter_as_another_process_would(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(add(tmp_path / "first", "first_on_the_path", "1.0").parent))
    answers = [
        run("register", str(model), "fraud", "--json", **variables)
        for variables in ({}, {"PYTHONNOUSERSITE": "1"}, {"PYTHONSAFEPATH": "1"})
    ]
    answers.append(run("register", str(model), "fraud", "--json", "--python", sys.executable))
    digests = {json.loads(answer.out)["environment"]["digest"] for answer in answers}
    assert digests == {capture(find_interpreter()).environment.digest}


def test_the_running_interpreter_is_read_without_starting_a_process(tmp_path: Path) -> None:
    program = """
import sys
started = []
def heard(event, about):  # git may be asked about what is editable
    if event in ("subprocess.Popen", "os.posix_spawn") and "git" not in str(about[0]):
        started.append(event)
sys.addaudithook(heard)
from pathlib import Path
from modelreg import Interpreter, capture, find_interpreter
other_name = Path(sys.executable).with_name("python3")
ran = [len(started) for python in (None, sys.executable, other_name if other_name.exists() else None)
       if capture(find_interpreter(python), in_process=True)]
capture(find_interpreter())
print(ran, len(started) > 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[0, 0, 0] True\n"


def test_the_api_does_not_see_what_its_caller_did_to_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path / "mine", "only_the_callers", "1.0")
    monkeypatch.syspath_prepend(str(tmp_path / "first"))  # stands where the script's folder does
    monkeypatch.setattr(sys, "path", [sys.path[0], str(tmp_path / "mine"), *sys.path[1:]])
    found = {package.name for package in capture(find_interpreter()).environment.packages}
    assert "only-the-callers" not in found
    assert "only_the_callers" in {found.name for found in importlib.metadata.distributions()}


@pytest.mark.parametrize("in_process", [True, False])
def test_a_distribution_in_the_working_directory_does_not_count(
    in_process: bool, run: Run, model: Path, tmp_path: Path
) -> None:
    add(Path.cwd(), "from_here", "1.0")
    ran = run("register", str(model), "fraud", **({} if in_process else {"PYTHONNOUSERSITE": "1"}))
    assert ran.code == 0, ran.err
    assert "from-here" not in run("show", "fraud:1").out


def test_a_capture_is_the_same_every_time(place: Place) -> None:
    add(place.site, "one", "1.0")
    add(place.site, "two", "2.0", direct_url={"url": "https://host/two", "archive_info": {}})
    first, second = place.captured(), place.captured()
    assert first == second
    assert first.environment.digest == second.environment.digest


def test_python_and_platform_are_those_of_the_interpreter(place: Place) -> None:
    captured = place.captured()
    python, platform = captured.environment.python, captured.environment.platform
    assert Version(python.version).release == sys.version_info[:3]
    assert (python.implementation, captured.kind) == (sys.implementation.name, "venv")
    assert platform.system == {"win32": "windows"}.get(sys.platform, sys.platform)
    assert Path(captured.prefix).resolve() == place.folder.resolve()
    # Where the environment lies is for the screen alone.
    assert str(place.folder) not in repr(captured.environment)


def test_a_conda_environment_is_told_by_its_folder(place: Place) -> None:
    place.folder.joinpath("conda-meta").mkdir()
    assert place.captured().kind == "conda"


def test_an_interpreter_outside_of_an_environment_is_the_systems() -> None:
    base = Path(sys.base_prefix) / ("python.exe" if os.name == "nt" else "bin/python3")
    if not base.exists():
        pytest.skip("the Python below this environment is not where it usually is")
    assert capture(Interpreter(base, "--python")).kind == "system"
