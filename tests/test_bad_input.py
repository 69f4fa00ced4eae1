"""Bad input on the real command line: its exit code, one sentence, no traceback."""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Ran, Run

from modelreg.records import VersionRecord, new_op

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="such files cannot be made on Windows")


def assert_refused(ran: Ran, code: int, *words: str) -> None:
    """Check that a command failed as it should: with its code, and with one sentence for a person."""
    assert "Traceback" not in ran.err
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert ran.err.endswith("\n")
    assert ran.err[:-1].isprintable()
    assert len(ran.err) < 400
    assert all(word in ran.err for word in words), ran.err


# What is registered


def _socket(path: Path) -> None:
    """Bind a socket; the address is short, as the system wants it."""
    here = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)
    os.chdir(here)


def _folder_with(make: Callable[[Path], object]) -> Callable[[], str]:
    def prepare() -> str:
        Path("folder").mkdir()
        Path("folder/good").write_bytes(b"good")
        make(Path("folder/bad"))
        return "folder"

    return prepare


def _self_link() -> str:
    Path("loop").symlink_to("loop")
    return "loop"


def _files(*names: str) -> Callable[[], str]:
    def prepare() -> str:
        for name in names:
            path = Path("folder", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        return "folder"

    return prepare


def _empty() -> str:
    Path("folder/sub").mkdir(parents=True)
    return "folder"


UNREGISTRABLE: dict[str, tuple[Callable[[], str], int, str]] = {
    "nothing there": (lambda: "absent.pkl", 4, "absent.pkl"),
    "nothing there, with a line feed": (lambda: "absent\n.pkl", 4, "absent"),
    "a path below a file": (lambda: "model.pkl/x", 4, "model.pkl"),
    "an empty folder": (_empty, 2, "holds no file"),
}
if sys.platform != "win32":
    UNREGISTRABLE |= {
        "a symlink in a folder": (_folder_with(lambda bad: bad.symlink_to("good")), 6, "symlink"),
        "a symlink to a folder": (_folder_with(lambda bad: bad.symlink_to(".")), 6, "symlink"),
        "a broken symlink": (_folder_with(lambda bad: bad.symlink_to("absent")), 6, "symlink"),
        "a socket": (_folder_with(_socket), 6, "a socket"),
        "a pipe": (_folder_with(os.mkfifo), 6, "a pipe"),
        "a device": (lambda: "/dev/null", 6, "neither a file nor a folder"),
        "a symlink to itself": (_self_link, 6, "symlink"),
        "names that differ in case": (_files("A", "a"), 6, "differ only in case"),
        "a backslash": (_files("a\\b"), 6, "some systems do not allow"),
        "a colon": (_files("a:b"), 6, "some systems do not allow"),
        "a line feed": (_files("a\nb"), 6, "control"),
        "an escape": (_files("\x1b[31m"), 6, "control"),
        "bytes that are no UTF-8": (_files(os.fsdecode(b"a\xff")), 6, "control"),
        "a name of Windows": (_files("sub/aux.bin"), 6, "device"),
        "a dot at the end": (_files("sub./x"), 6, "ends in a dot"),
        "a decomposed letter": (_files("o\u0308"), 6, "NFC"),
        "the manifest's name": (_files("modelreg.yaml"), 6, "reserved"),
    }


@pytest.mark.parametrize(("prepare", "code", "word"), UNREGISTRABLE.values(), ids=UNREGISTRABLE)
def test_what_cannot_be_registered_is_refused(
    quick: Run, model: Path, tmp_path: Path, prepare: Callable[[], str], code: int, word: str
) -> None:
    try:
        path = prepare()
    except OSError as error:
        pytest.skip(f"such a file cannot be made here: {error}")
    assert_refused(quick("register", path, "fraud"), code, word)
    assert not (tmp_path / "registry").exists()


@posix_only
@pytest.mark.parametrize("what", ["model.pkl", "folder"])
def test_what_may_not_be_read_is_refused_with_exit_7(
    tmp_path: Path, model: Path, ordinary: list[str], what: str
) -> None:
    Path("folder").mkdir()
    Path("folder/file").write_bytes(b"x")
    Path(what).chmod(0)
    command = [
        *ordinary,
        sys.executable,
        "-m",
        "modelreg",
        "register",
        what,
        "fraud",
        "--registry",
        str(tmp_path / "r"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    Path(what).chmod(0o700)
    assert_refused(Ran(done.returncode, done.stdout, done.stderr), 7, "no permission to read", what)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metric", "auc"], ["--metric", "key=value"]),
        (["--metric", "auc=good"], ["auc", "finite number"]),
        (["--metric", "auc=nan"], ["auc", "finite number"]),
        (["--metric", "auc=1e400"], ["auc", "finite number"]),
        (["--metric", "auc="], ["auc"]),
        (["--metric", "auc=1", "--metric", "auc=2"], ["auc", "twice"]),
        (["--tag", "team"], ["--tag", "key=value"]),
        (["--tag", "=risk"], ["--tag", "key=value"]),
        (["--tag", "team="], ["empty"]),
        (["--tag", "team=\x1b[31m"], ["control"]),
        (["--tag", "te\nam=x"], ["control"]),
        (["--param", "depth"], ["--param", "key=value"]),
        (["--description", "\x07"], ["control"]),
    ],
    ids=str,
)
def test_what_is_said_of_a_version_must_make_sense(
    quick: Run, model: Path, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    assert_refused(quick("register", str(model), "fraud", *arguments), 2, *words)
    assert not (tmp_path / "registry" / "models").exists()


# Names and references


HOSTILE_NAMES = ["../x", "/etc", "a/b", "Fraud", "fraud model", "con", "x" * 300, "fr\x1baud", "fraud\n", "-", "ｆraud"]  # noqa: RUF001  # a letter of full width, which is the point
HOSTILE_REFERENCES = [
    *("../x", "fraud:0", "fraud:1_0", "fraud:01", "fraud:-1", "fraud:1.0", "fraud:", "fraud@", "fraud:1:1", ":1"),
    *("fraud@sha256:12", "fraud@latest@x", "x" * 300, f"fraud:{'1' * 300}", "fraud:1\n", "fraud\x1b[31m", "fr aud"),
    "fraud:１",  # noqa: RUF001  # as said
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name[:20]))
def test_a_hostile_name_is_refused(quick: Run, model: Path, name: str) -> None:
    assert_refused(quick("register", str(model), "--", name), 2, "cannot be the name of a model")
    assert_refused(quick("list", "--", name), 2, "cannot be the name of a model")


@pytest.mark.parametrize("command", ["pull", "show", "verify-env"])
@pytest.mark.parametrize("reference", HOSTILE_REFERENCES, ids=lambda text: ascii(text[:20]))
def test_a_hostile_reference_is_refused(quick: Run, command: str, reference: str) -> None:
    if command == "verify-env" and "/" in reference:
        return  # a path, there
    assert_refused(quick(command, "--", reference), 2)


def test_a_file_whose_name_is_no_name_of_a_model_needs_one(quick: Run, model: Path) -> None:
    path = model.rename("My Model.pkl")
    assert_refused(quick("register", str(path)), 2, "such as my-model; give a name: modelreg register")


@pytest.mark.parametrize("reference", ["other", "other:1", "other@production", "fraud:7", "fraud@production"])
@pytest.mark.parametrize("command", ["pull", "show", "verify-env"])
def test_what_is_not_there_is_not_found(quick: Run, model: Path, command: str, reference: str) -> None:
    quick("register", str(model), "fraud")
    assert_refused(quick(command, reference), 4, reference.partition(":")[0].partition("@")[0])


# Interpreters


@pytest.mark.parametrize("command", [["register", "model.pkl", "fraud"], ["verify-env", "fraud:1"]], ids=str)
@pytest.mark.parametrize("python", ["absent", "./absent/python", "empty", "model.pkl", "not-python"])
def test_an_interpreter_that_is_none_is_refused_with_exit_4(
    quick: Run, model: Path, command: list[str], python: str
) -> None:
    quick("register", str(model), "fraud")
    Path("empty").mkdir()
    script = Path("not-python")
    script.write_text("#!/bin/sh\necho hello\n", encoding="utf-8")
    script.chmod(0o755)
    python = f"./{python}" if python == "not-python" else python
    assert_refused(quick(*command, "--python", python), 4, python.removeprefix("./"))


def test_a_virtual_environment_that_is_gone_is_named(quick: Run, model: Path) -> None:
    assert_refused(quick("register", str(model), "fraud", VIRTUAL_ENV="/gone"), 4, "VIRTUAL_ENV", "/gone")


def test_python_without_a_check_makes_no_sense_for_pull(quick: Run, model: Path) -> None:
    quick("register", str(model), "fraud")
    assert_refused(quick("pull", "fraud", "--python", sys.executable), 2, "--verify-env")


# Settings and registries


@pytest.mark.parametrize(
    "text",
    ["not toml", "[tool]\nmodelreg = 1", "[tool.modelreg]\nregistry = 1", '[tool.modelreg]\nname = ["x"]', "\udcff"],
    ids=ascii,
)
def test_a_broken_pyproject_is_named(quick: Run, model: Path, text: str) -> None:
    Path("pyproject.toml").write_bytes(os.fsencode(text))
    assert_refused(quick("register", str(model), MODELREG_REGISTRY=""), 2, "pyproject.toml")


@pytest.mark.parametrize("text", ["models = 1", "[tool.modelreg.models]\nfraud = 3", "[tool.modelreg]\nmodels = []"])
def test_models_of_the_project_that_are_none_are_refused(quick: Run, text: str) -> None:
    Path("pyproject.toml").write_text(text if "tool" in text else f"[tool.modelreg]\n{text}", encoding="utf-8")
    assert_refused(quick("verify-env"), 2, "pyproject.toml")


@pytest.mark.parametrize("url", ["ftp://host/x", "http://host/x", "nonsense://x"])
def test_a_scheme_that_no_store_has_is_refused(quick: Run, model: Path, url: str) -> None:
    for command in (["list"], ["register", str(model), "fraud"], ["pull", "fraud"]):
        assert_refused(quick(*command, "--registry", url), 2, url)


def test_a_registry_that_is_a_file_is_refused(quick: Run, model: Path) -> None:
    Path("file").write_bytes(b"x")
    for command in (["register", str(model), "fraud"], ["list"], ["pull", "fraud"]):
        for url in ("file", "file/below"):
            ran = quick(*command, "--registry", url)
            assert_refused(ran, 8, "file")


# The command line itself


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["pull"],
        ["register"],
        ["pull", "a", "b"],
        ["list", "--nonsense"],
        ["show", "--json"],
        ["--nonsense"],
    ],
    ids=str,
)
def test_wrong_usage_is_exit_2_with_the_way_to_help(quick: Run, arguments: list[str]) -> None:
    ran = quick(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: " in ran.err
    assert "-h' for help" in ran.err
    assert "Traceback" not in ran.err


def test_debug_shows_where_an_error_came_from(run: Run) -> None:
    ran = run("--debug", "show", "absent")
    assert ran.code == 4
    assert ran.err.startswith("Traceback (most recent call last):")
    assert ran.err.splitlines()[-1].startswith("error: there is no model absent")
    assert run("show", "absent", MODELREG_DEBUG="1").err == ran.err


def _piped(*arguments: str, reader: list[str], registry: Path, **variables: str) -> tuple[int, str]:
    """Run a command into a reader; return the command's exit code and what it says on stderr."""
    environ = {**os.environ, "MODELREG_REGISTRY": str(registry), **variables}
    command = [sys.executable, "-m", "modelreg", *arguments]
    writing = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)
    reading = subprocess.Popen(reader, stdin=writing.stdout, stdout=subprocess.DEVNULL)
    assert writing.stdout is not None
    assert writing.stderr is not None
    writing.stdout.close()
    said = writing.stderr.read().decode()
    writing.stderr.close()
    reading.wait(timeout=60)
    return writing.wait(timeout=60), said


@pytest.mark.parametrize("arguments", [["list"], ["show", "fraud"], ["list", "--json"]], ids=str)
def test_a_reader_that_goes_away_is_no_reason_for_noise(
    quick: Run, model: Path, tmp_path: Path, arguments: list[str]
) -> None:
    quick("register", str(model), "fraud")
    reader = [sys.executable, "-c", "import os; os.close(0)"]
    code, said = _piped(*arguments, reader=reader, registry=tmp_path / "registry")
    assert code in (0, 1)
    assert said == ""


def test_a_stream_that_knows_only_ascii_stops_no_command(run: Run, model: Path) -> None:
    run("register", str(model), "fraud", "--description", "Größer ✓")
    for command in (["show", "fraud"], ["show", "fraud", "--json"], ["pull", "fraud"], ["list"], ["show", "größer"]):
        ran = run(*command, PYTHONIOENCODING="ascii")
        assert ran.code == (2 if command[-1] == "größer" else 0)
        assert "Traceback" not in ran.err


@posix_only
def test_an_answer_that_nobody_reads_to_its_end_ends_the_command_without_a_word(
    quick: Run, model: Path, tmp_path: Path
) -> None:
    quick("register", str(model), "fraud")
    reader, writer = os.pipe()
    os.close(reader)  # as `head` does when it has read enough
    command = [sys.executable, "-m", "modelreg", "list", "--registry", str(tmp_path / "registry")]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def _fill(registry: Path, versions: int) -> None:
    """Add versions to fraud that differ from fraud:1 in their number alone."""
    folder = registry / "models" / "fraud" / "versions"
    record = VersionRecord.from_bytes((folder / "00000001.json").read_bytes(), "fraud", 1)
    for number in range(2, versions + 1):
        (folder / f"{number:08d}.json").write_bytes(record._replace(version=number, op=new_op()).to_bytes())


@posix_only
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_slow_reader_of_a_pipe_that_does_not_block_gets_the_whole_answer(
    quick: Run, model: Path, tmp_path: Path, unbuffered: str
) -> None:
    registry = tmp_path / "registry"
    quick("register", str(model), "fraud")
    _fill(registry, 5_000)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [sys.executable, "-m", "modelreg", "list", "fraud", "--registry", str(registry)]
    environ = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, env=environ) as listing:
        os.close(writer)
        assert select.select([reader], [], [], 60)[0]
        time.sleep(0.5)  # by now the pipe is full
        with os.fdopen(reader, "rb") as arriving:
            lines = arriving.read().decode().splitlines()
        assert listing.stderr is not None
        assert (listing.wait(), listing.stderr.read()) == (0, b"")
    assert [line.split()[0] for line in lines] == ["VERSION", *(f"fraud:{number}" for number in range(5_000, 0, -1))]


@posix_only
def test_a_reader_that_leaves_a_pipe_that_does_not_block_ends_the_command(
    quick: Run, model: Path, tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    quick("register", str(model), "fraud")
    _fill(registry, 2_000)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [sys.executable, "-m", "modelreg", "list", "fraud", "--registry", str(registry)]
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE) as listing:
        os.close(writer)
        assert os.read(reader, 1)
        os.close(reader)
        assert listing.stderr is not None
        assert (listing.wait(60), listing.stderr.read()) == (1, b"")


full_only = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


def _on_a_full_disk(
    *arguments: str, registry: Path, streams: str, unbuffered: str = "", limit: str = "unlimited"
) -> tuple[int, str]:
    """Run a command of which some streams cannot be written; return its exit code and what it says on stderr.

    limit: of what is written to a file, in blocks.
    """
    environ = {**os.environ, "MODELREG_REGISTRY": str(registry), "PYTHONUNBUFFERED": unbuffered}
    command = ["sh", "-c", f'ulimit -f {limit}; exec "$0" -m modelreg "$@" {streams}', sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    return done.returncode, done.stderr


@full_only
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    "arguments", [["list"], ["show", "fraud"], ["pull", "fraud"], ["list", "--help"], ["--version"]], ids=str
)
def test_an_answer_that_cannot_be_written_is_an_error(
    quick: Run, model: Path, tmp_path: Path, arguments: list[str], unbuffered: str
) -> None:
    quick("register", str(model), "fraud")
    registry = tmp_path / "registry"
    code, said = _on_a_full_disk(*arguments, registry=registry, streams=">/dev/full", unbuffered=unbuffered)
    assert code == 1
    assert said.splitlines()[-1:] == ["error: the answer cannot be written: No space left on device"]


@posix_only
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_an_answer_of_which_only_a_part_can_be_written_is_an_error(
    quick: Run, model: Path, tmp_path: Path, unbuffered: str
) -> None:
    quick("register", str(model), "fraud", "--description", "x" * 3000)
    answer, registry = tmp_path / "answer", tmp_path / "registry"
    ended = _on_a_full_disk(
        "show", "fraud", registry=registry, streams=f">'{answer}'", unbuffered=unbuffered, limit="1"
    )
    assert answer.stat().st_size in (512, 1024)  # a block, as the shell has it
    assert ended == (1, "error: the answer cannot be written: File too large\n")


@full_only
def test_what_is_only_said_may_get_lost_without_changing_what_is_done(quick: Run, model: Path, tmp_path: Path) -> None:
    registry = tmp_path / "registry"
    for streams in ("2>/dev/full", ">/dev/full 2>/dev/full"):
        assert _on_a_full_disk("show", "absent", registry=registry, streams=streams) == (4, "")
    assert _on_a_full_disk("register", str(model), "fraud", registry=registry, streams="2>/dev/full") == (0, "")
    assert quick("show", "fraud").code == 0


@posix_only
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_a_closed_stream_does_not_stop_a_command(quick: Run, model: Path, tmp_path: Path, closed: str) -> None:
    quick("register", str(model), "fraud")
    for arguments in ("list", "pull fraud --force", "show fraud"):
        command = f"'{sys.executable}' -m modelreg {arguments} --registry '{tmp_path / 'registry'}' {closed}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0
        assert "Traceback" not in done.stderr


@posix_only
def test_where_nothing_can_be_read_nobody_is_asked(quick: Run, model: Path, tmp_path: Path) -> None:
    quick("register", str(model), "fraud")
    command = f"'{sys.executable}' -m modelreg delete fraud:1 --registry '{tmp_path / 'registry'}' <&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("Nobody can be asked here; say --yes\n")
