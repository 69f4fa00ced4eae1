"""Which interpreter's environment counts, and what happens where it is none."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from environments import Place, make_place

from modelreg import EnvironmentUnreadableError, Interpreter, NotFoundError, capture, find_interpreter
from modelreg.environment import interpreter

posix = pytest.mark.skipif(os.name == "nt", reason="a script is no program on Windows")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path / "place")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_without_any_hint_it_is_the_running_one() -> None:
    assert find_interpreter() == Interpreter(Path(sys.executable), "the running interpreter")


def test_an_active_environment_goes_before_the_running_one_and_an_option_before_both(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_place(tmp_path / "other")
    monkeypatch.setenv("CONDA_PREFIX", str(other.folder))
    assert find_interpreter() == Interpreter(other.python, "CONDA_PREFIX")
    monkeypatch.setenv("VIRTUAL_ENV", str(place.folder))
    assert find_interpreter() == Interpreter(place.python, "VIRTUAL_ENV")
    assert find_interpreter(sys.executable) == Interpreter(Path(sys.executable), "--python")
    monkeypatch.setenv("VIRTUAL_ENV", "")
    assert find_interpreter().chosen_by == "CONDA_PREFIX"


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
@pytest.mark.parametrize("made", [False, True], ids=["no_folder", "no_python_in_it"])
def test_an_active_environment_that_holds_no_python_is_an_error_and_not_passed_over(
    variable: str, made: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    if made:
        folder.mkdir()
    monkeypatch.setenv(variable, str(folder))
    with pytest.raises(NotFoundError, match=f"{variable} is .*gone, which holds no Python; deactivate it or use --py"):
        find_interpreter()


def test_a_program_that_does_not_know_its_python_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(NotFoundError, match="does not know which Python runs it; use --python"):
        find_interpreter()


def test_an_option_is_an_executable_or_the_folder_of_an_environment(place: Place) -> None:
    for python in (place.python, str(place.python), place.folder, str(place.folder), f"{place.folder}{os.sep}"):
        assert find_interpreter(python) == Interpreter(place.python, "--python")


def test_a_relative_option_is_relative_to_the_working_directory(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_interpreter("place").path == place.python
    monkeypatch.chdir(place.python.parent)
    found = find_interpreter(f".{os.sep}{place.python.name}")
    assert found.path == place.python
    # The path that is run is the path that was given, not a command of the same name.
    assert Path(capture(found).prefix).resolve() == place.folder.resolve()


def test_a_home_is_found_by_its_tilde(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place.folder.parent))
    monkeypatch.setenv("USERPROFILE", str(place.folder.parent))
    assert find_interpreter("~/place").path == place.python
    with pytest.raises(NotFoundError, match="give another one with --python"):
        find_interpreter("~nobody-has-this-name/place")


@posix
def test_a_bare_name_is_a_command_on_the_path_even_beside_a_file_or_folder_of_that_name(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    commands.joinpath("python-of-test").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(commands))
    assert find_interpreter("python-of-test").path == commands / "python-of-test"
    Path("python-of-test").mkdir()
    assert find_interpreter("python-of-test").path == commands / "python-of-test"
    Path("python-of-test").rmdir()
    script(Path("python-of-test"), "exit 1")
    assert find_interpreter("python-of-test").path == commands / "python-of-test"
    assert find_interpreter("./python-of-test").path == Path("python-of-test").absolute()


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        ("no-such-python", "there is no interpreter no-such-python; give the path of"),
        ("no/such/python", "there is no interpreter no/such/python; give the path of"),
        ("", "--python is empty; give the path of"),
        ("sources", "there is no Python in the folder sources; give the folder of an environment"),
        ("x" * 5000, "cannot be looked for|there is no interpreter"),
    ],
    ids=["no_command", "no_file", "empty", "folder_without_python", "too_long"],
)
def test_what_is_no_interpreter_is_said_so(python: str, sentence: str) -> None:
    Path("sources").mkdir()
    with pytest.raises(NotFoundError, match=sentence):
        find_interpreter(python)


def a_program(folder: Path) -> Path:
    return Path("/bin/ls")


def a_text(folder: Path) -> Path:
    path = folder / "notes.txt"
    path.write_text("no program\n")
    return path


def a_shim_without_a_version(folder: Path) -> Path:
    return script(
        folder / "shim", "echo 'pyenv: python3.8: command not found' >&2; echo; echo 'Note: see help' >&2; exit 127"
    )


def one_that_echoes_its_arguments(folder: Path) -> Path:
    return script(folder / "echoes", 'echo "$@"')


def one_that_answers_half(folder: Path) -> Path:
    return script(folder / "half", 'printf \'%s{"python": "3.1\' "$2"')


def one_that_fails_with_a_traceback(folder: Path) -> Path:
    return script(folder / "fails", f"exec {sys.executable} -c 'raise RuntimeError(\"no licence \\033[31m\")'")


def one_whose_loader_is_missing(folder: Path) -> Path:
    path = script(folder / "stale", "")
    path.write_text("#!/no/such/interpreter\n")
    return path


NOT_PYTHON: dict[str, tuple[Callable[[Path], Path], str]] = {
    "another_program": (a_program, "is no Python 3.8 or later that can be read (it exited with 2: "),
    "a_text": (a_text, "cannot be run (Permission denied); give another one with --python"),
    "a_shim": (a_shim_without_a_version, "(it exited with 127: pyenv: python3.8: command not found); give another one"),
    "echoes": (one_that_echoes_its_arguments, "is no Python 3.8 or later that can be read (it exited with 0); give"),
    "half_an_answer": (one_that_answers_half, "is no Python 3.8 or later that can be read (it exited with 0); give"),
    "traceback": (one_that_fails_with_a_traceback, "(it exited with 1: RuntimeError: no licence ?[31m); give"),
    "no_loader": (one_whose_loader_is_missing, "cannot be run (No such file or directory); give"),
}


@posix
@pytest.mark.parametrize(("make", "sentence"), NOT_PYTHON.values(), ids=NOT_PYTHON)
def test_what_is_not_python_is_said_in_a_sentence(make: Callable[[Path], Path], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnreadableError) as refused:
        capture(find_interpreter(make(tmp_path)))
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@posix
def test_one_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "TIMEOUT", 0.2)
    with pytest.raises(EnvironmentUnreadableError, match=r"did not answer within 0\.2 s; give another one"):
        capture(find_interpreter(script(tmp_path / "hangs", "exec sleep 30")))


@posix
def test_a_wrapper_that_prints_what_it_runs_is_still_a_python(place: Place, tmp_path: Path) -> None:
    wrapper = script(tmp_path / "wrapper", f'echo "running: $@"; exec {place.python} "$@"')
    assert Path(capture(find_interpreter(wrapper)).prefix).resolve() == place.folder.resolve()


@pytest.mark.parametrize("python", ["no-such-python", "/bin/ls"])
def test_the_command_ends_with_exit_4_and_one_sentence(python: str, run: Run, model: Path) -> None:
    ran = run("register", str(model), "fraud", "--python", python)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
