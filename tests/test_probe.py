"""The probe runs in any Python from 3.8 on, whatever lies around it."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import Place, add, make_place, pinned

from modelreg import EnvironmentUnreadableError, capture, find_interpreter
from modelreg.environment import probe
from modelreg.environment.interpreter import PROBE as SCRIPT

PROBE = Path(probe.__file__)
_distributions: Callable[[list[str], bool], list[dict[str, object]]] = probe.distributions


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A virtual environment with one package, and without pip."""
    made = make_place(tmp_path / "place")
    add(made.site, "one", "1.0")
    return made


def other_python(minor: str) -> str:
    """Find an executable of another Python on the PATH, or one of pyenv's; skip where there is none."""
    folders = os.environ["PATH"].split(os.pathsep)
    shims = [Path(folder) for folder in folders if Path(folder).name == "shims"]
    pyenvs = [str(path) for shim in shims for path in shim.parent.glob(f"versions/{minor}.*/bin/python{minor}")]
    for python in (*pyenvs, shutil.which(f"python{minor}")):
        # A shim is there for every version, but exits with 127 for those that are not chosen.
        if python and subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0:
            return python
    pytest.skip(f"there is no Python {minor} on this machine")


@pytest.mark.parametrize("minor", ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_it_reads_environments_of_other_pythons(minor: str, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    subprocess.run([other_python(minor), "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("[Ll]ib/**/site-packages")
    add(site, "from_elsewhere", "2.5")
    captured = capture(find_interpreter(folder))
    assert captured.environment.python.minor == minor
    assert captured.environment.python.soabi is not None
    assert pinned(captured) == {"from-elsewhere==2.5"}
    assert captured.remarks == ()


@pytest.mark.parametrize("file", [PROBE, SCRIPT], ids=lambda file: file.stem)
def test_its_syntax_is_that_of_python_3_8(file: Path) -> None:
    ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_it_imports_next_to_nothing() -> None:
    program = f"""
import sys
from importlib.machinery import SourceFileLoader
loader = SourceFileLoader("__main__", {str(SCRIPT)!r})
code = loader.get_code("__main__")
sys.argv = ["run_probe.py", "word:"]
before = set(sys.modules)
exec(code, {{"__name__": "__main__", "__file__": {str(SCRIPT)!r}, "__loader__": loader}})
print(*(set(sys.modules) - before), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) <= {"_json"}


@pytest.mark.parametrize("name", ["json", "os", "sys", "_json", "encodings", "site", "types", "posixpath"])
def test_a_module_in_the_working_directory_does_not_stand_in_its_way(
    name: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(f"{name}.py").write_text("raise SystemExit('this is not the standard library')\n")
    assert pinned(place.captured()) == {"one==1.0"}


def test_a_json_module_on_the_pythonpath_does_not_stand_in_its_way(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("json.py").write_text("raise SystemExit('this is not the standard library')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert pinned(place.captured()) == {"one==1.0"}


START_UPS = {
    "prints": "print('Welcome to the cluster!', end='')",
    "prints_the_like_of_an_answer": "print('modelreg-0:{}')",
    "prints_at_the_end": "import atexit; atexit.register(print, 'Goodbye: {\"python\": 1}')",
    "prints_bytes": "import os; os.write(1, bytes(range(256)))",
    "replaces_stdout": "import io, sys; sys.stdout = io.StringIO()",
    "has_no_stdout": "import sys; sys.stdout = None",
    "echoes_the_command": "import sys; print(getattr(sys, 'orig_argv', ''))",
    "warns": "import sys; print('deprecated!', file=sys.stderr)",
    "puts_what_is_no_text_on_the_path": "import sys, pathlib; sys.path += [None, b'/x', pathlib.Path('/y'), '']",
}


@pytest.mark.parametrize("start_up", START_UPS.values(), ids=START_UPS)
def test_whatever_the_environments_start_up_does_is_no_part_of_the_answer(start_up: str, place: Place) -> None:
    place.site.joinpath("sitecustomize.py").write_text(f"{start_up}\n")
    assert pinned(place.captured()) == {"one==1.0"}


@pytest.mark.parametrize("encoding", ["utf-16", "cp500", "ascii"])
def test_the_encoding_of_stdout_is_no_part_of_the_answer(
    encoding: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(place.site, "zwei", "2.0", direct_url={"url": "https://host/größe", "archive_info": {}})
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    captured = place.captured()
    (package,) = (package for package in captured.environment.packages if package.name == "zwei")
    assert package.origin is not None
    assert package.origin.url == "https://host/größe"


@pytest.mark.parametrize("flag", [(), ("-P",), ("-I",), ("-E",)], ids=" ".join)
def test_its_own_folder_is_no_part_of_the_path_and_nothing_else_is_taken_off_it(
    flag: tuple[str, ...], place: Place, tmp_path: Path
) -> None:
    # The first folder of the path is a package's where Python does not put the script's there.
    first = add(tmp_path / "first", "first_of_all", "1.0").parent
    place.site.joinpath("sitecustomize.py").write_text(f"import sys; sys.path.insert(0, {str(first)!r})\n")
    add(own := tmp_path / "own", "beside_the_probe", "1.0")
    for file in (PROBE, SCRIPT):
        shutil.copy(file, own)
    done = subprocess.run([str(place.python), *flag, str(own / SCRIPT.name), "word:"], capture_output=True, check=True)
    found = json.loads(done.stdout.partition(b"word:")[2])["distributions"]
    assert [dist["name"] for dist in found] == ["first_of_all", "one"]


def test_a_module_of_the_environment_called_probe_is_not_run_instead(place: Place) -> None:
    place.site.joinpath("probe.py").write_text("raise SystemExit('this is not the probe')\n")
    place.site.joinpath("run_probe.py").write_text("raise SystemExit('this is not the script')\n")
    assert pinned(place.captured()) == {"one==1.0"}


def test_it_is_run_where_python_says_nothing_of_loaders() -> None:
    code = compile(SCRIPT.read_text(encoding="utf-8"), str(SCRIPT), "exec")
    names: dict[str, object] = {"__name__": "run_probe", "__file__": str(SCRIPT)}
    exec(code, names)
    load = names["_load"]
    assert callable(load)
    assert load(str(PROBE))["facts"]([])["distributions"] == []


def test_it_leaves_nothing_in_its_own_folder(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    own = tmp_path / "own"
    own.mkdir()
    for file in (PROBE, SCRIPT):
        shutil.copy(file, own)
    subprocess.run([str(place.python), str(own / SCRIPT.name), "word:"], capture_output=True, check=True)
    assert {path.name for path in own.iterdir()} == {PROBE.name, SCRIPT.name}


HEADERS = {
    "plain": (b"Metadata-Version: 2.1\nName: One\nVersion: 1.0\nSummary: x\n\nName: Two\n", "One", "1.0"),
    "without a description": (b"Metadata-Version: 2.1\nName: One\nVersion: 1.0\n", "One", "1.0"),
    "without an end": (b"Metadata-Version: 2.1\nName: One\nVersion: 1.0", "One", "1.0"),
    "in another case": (b"metadata-version: 2.1\nname: One\nVERSION: 1.0\n\n", "One", "1.0"),
    "at the beginning": (b"Name: One\nVersion: 1.0\n\n", "One", "1.0"),
    "with line ends of Windows": (b"Metadata-Version: 2.1\r\nName: One\r\nVersion: 1.0\r\n\r\nx", "One", "1.0"),
    "not ASCII": ("Metadata-Version: 2.1\nAuthor: Bj\u00f6rn\nName: One\nVersion: 1.0\n\n".encode(), "One", "1.0"),
    "far down": (b"Metadata-Version: 2.1\nAuthor: " + b"x" * 990 + b"\nName: One\nVersion: 1.0\n\n", "One", "1.0"),
    "cut where reading stops": (b"X: " + b"x" * 1006 + b"\nName: One\nVersion: 1.0.post1\n\n", "One", "1.0.post1"),
    "given twice": (b"Metadata-Version: 2.1\nName: One\nVersion: 1.0\nName: Two\nVersion: 2.0\n\n", "One", "1.0"),
    "in the description alone": (b"Metadata-Version: 2.1\n\nName: One\nVersion: 1.0\n", None, None),
    "in a description of Windows": (b"Metadata-Version: 2.1\r\n\r\nx\r\nName: One\r\nVersion: 1.0\r\n", None, None),
}


@pytest.mark.parametrize(("data", "name", "version"), HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("whole", [False, True], ids=["quickly", "whole"])
def test_the_name_and_the_version_are_read_however_they_are_written(
    data: bytes, name: str | None, version: str | None, whole: bool, tmp_path: Path
) -> None:
    tmp_path.joinpath("one-1.0.dist-info").mkdir()
    tmp_path.joinpath("one-1.0.dist-info", "METADATA").write_bytes(data)
    (found,) = _distributions([str(tmp_path)], whole)
    assert (found.get("name"), found.get("version")) == (name, version)


@pytest.mark.parametrize("whole", [False, True], ids=["quickly", "whole"])
def test_headers_that_are_not_utf_8_are_said_to_be_none(whole: bool, tmp_path: Path) -> None:
    tmp_path.joinpath("one-1.0.dist-info").mkdir()
    data = "Metadata-Version: 2.1\nAuthor: Bj\u00f6rn\nName: One\nVersion: 1.0\n\n".encode("latin-1")
    tmp_path.joinpath("one-1.0.dist-info", "METADATA").write_bytes(data)
    (found,) = _distributions([str(tmp_path)], whole)
    assert (found["name"], found["version"], found["latin1"]) == ("One", "1.0", True)


def test_a_folder_that_is_on_the_path_twice_is_read_once(place: Place, tmp_path: Path) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(place.site, target_is_directory=True)
    place.site.joinpath("again.pth").write_text(f"{alias}\n{place.site}{os.sep}\n")
    captured = place.captured()
    assert (pinned(captured), captured.remarks) == ({"one==1.0"}, ())


def test_the_tag_of_extension_modules_is_sysconfigs(place: Place) -> None:
    import sysconfig

    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert place.captured().environment.python.soabi == suffix.strip(".").rpartition(".")[0]


def test_the_c_library_is_the_one_that_platform_names(place: Place) -> None:
    import platform

    captured = place.captured().environment.platform
    name, version = platform.libc_ver()
    if name != "glibc":
        assert captured.libc in (None, "musl")
    else:
        assert (captured.libc, captured.libc_version) == (name, version)


def test_the_running_interpreter_says_of_itself_what_another_process_says() -> None:
    mine, other = (capture(find_interpreter(), in_process=in_process) for in_process in (True, False))
    assert mine.environment.python == other.environment.python
    assert mine.environment.platform == other.environment.platform
    assert (mine.kind, mine.prefix) == (other.kind, other.prefix)


def test_the_answer_is_json_whatever_it_holds() -> None:
    encode: Callable[[object], str] = probe._json
    value: object = {"a": [True, False, None, 'quote " and \\ and \n', "\udcff", "größe", []], "b": {}}
    assert json.loads(encode(value)) == value


def test_in_python_2_it_fails_and_says_so() -> None:
    with pytest.raises(EnvironmentUnreadableError, match=r"is no Python 3\.8 or later"):
        capture(find_interpreter(other_python("2.7")))
