"""Completion in real shells: commands, model names and versions."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from hand_made import put_moves

from modelreg import Capture, Registry
from modelreg.store.local import LocalStore

SCRIPTS = Path(__file__).parent.parent / "completions"
FILES = {"bash": "modelreg.bash", "zsh": "_modelreg", "fish": "modelreg.fish"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these shells are not those of Windows")


@pytest.mark.parametrize("shell", FILES)
def test_the_committed_script_is_the_one_that_is_generated(run: Run, shell: str) -> None:
    ran = run(_MODELREG_COMPLETE=f"source_{shell}")
    assert (ran.code, ran.err) == (0, "")
    assert (SCRIPTS / FILES[shell]).read_text(encoding="utf-8") == ran.out, (
        f"regenerate it: _MODELREG_COMPLETE=source_{shell} modelreg > completions/{FILES[shell]}"
    )


@pytest.fixture
def environ(tmp_path: Path, model: Path, captured: Capture) -> dict[str, str]:
    """Variables with which `modelreg` is this one, and its registry holds churn:1, fraud:1 and fraud:2@production."""
    for name in ("fraud", "churn", "fraud"):
        Registry.open(str(tmp_path / "registry")).register(model, name, capture=captured)
    put_moves(LocalStore(tmp_path / "registry"), "production", 2)
    command = tmp_path / "bin" / "modelreg"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m modelreg "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "MODELREG_REGISTRY": str(tmp_path / "registry"), "TERM": "dumb"}


def _shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("MODELREG_TEST_REQUIRE_ALL") == "1":
            pytest.fail(f"{name} is not installed, and MODELREG_TEST_REQUIRE_ALL asks for it")
        pytest.skip(f"{name} is not installed; install it with: apt-get install {name}")
    return found


Type = Callable[[str], str]


def _typist(command: list[str], setup: str, environ: dict[str, str]) -> Type:
    """Return a function that types into an interactive shell and returns all that the terminal shows.

    Typing begins when the shell has read its setup, so that it is the shell, not the terminal, that sees each key.
    """
    import pty

    def type_(keys: str) -> str:
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe(command[0], command, environ)
        shown = ""

        def read_until(mark: str) -> None:
            nonlocal shown
            while mark not in shown:
                try:
                    piece = os.read(terminal, 65536)
                except OSError:
                    piece = b""
                assert piece, f"the shell ended; it had shown {shown!r}"
                shown += piece.decode("utf-8", "replace")

        # Quotes in the marks keep them from being found in the echo of what is typed.
        os.write(terminal, f"{setup}; echo is''-ready\n".encode())
        read_until("is-ready")
        shown = ""
        os.write(terminal, f"{keys}\necho is''-done\n".encode())
        read_until("is-done")
        os.close(terminal)
        os.waitpid(pid, 0)
        return shown

    return type_


# The command itself is a function that shows its arguments; completion runs the program.
_ARGUMENTS = "modelreg() { printf '<%s>' \"$@\"; }; PS1='$ '"


@pytest.fixture(params=["bash", "bash without colons", "zsh", "zsh, sourced"])
def type_(request: pytest.FixtureRequest, environ: dict[str, str], tmp_path: Path) -> Type:
    """Each shell that is typed into, with its script loaded."""
    if request.param.startswith("bash"):
        setup = f"source '{SCRIPTS / FILES['bash']}'; bind 'set show-all-if-ambiguous on'; {_ARGUMENTS}"
        if "without" in request.param:
            setup += '; COMP_WORDBREAKS="${COMP_WORDBREAKS//[:@]}"'
        return _typist([_shell("bash"), "--norc", "--noprofile", "-i"], setup, environ)
    compinit = f"autoload -Uz compinit; compinit -u -d '{tmp_path / 'dump'}'; {_ARGUMENTS}"
    if "sourced" in request.param:
        setup = f"{compinit}; source '{SCRIPTS / FILES['zsh']}'"
    else:
        setup = f"fpath=('{SCRIPTS}' $fpath); {compinit}"
    return _typist([_shell("zsh"), "-f", "-i"], setup, environ)


COMPLETED = {
    "modelreg sh\t": "<show>",
    "modelreg verify\t": "<verify-env>",
    "modelreg pull fraud --verify\t": "<pull><fraud><--verify-env>",
    "modelreg show chu\t": "<show><churn>",
    "modelreg list fra\t": "<list><fraud>",
    "modelreg show churn:\t": "<show><churn:1>",
    "modelreg pull fraud@p\t": "<pull><fraud@production>",
    "modelreg verify-env fraud:1 churn:\t": "<verify-env><fraud:1><churn:1>",
}


def test_what_is_unique_is_completed(type_: Type) -> None:
    shown = type_("\n".join(COMPLETED))
    assert re.findall(r"(?:<[^>]*>)+", shown) == list(COMPLETED.values())


def test_versions_of_a_model_are_offered(type_: Type) -> None:
    shown = type_("modelreg show fraud:\t")
    offered = [line.split() for line in shown.splitlines()]
    assert ["1", "2"] in offered or ["fraud:1", "fraud:2"] in offered


def test_where_there_is_nothing_to_offer_nothing_is_said(type_: Type, environ: dict[str, str]) -> None:
    assert "error" not in type_("modelreg show zebra:\t")
    Path(environ["MODELREG_REGISTRY"], "modelreg.json").write_bytes(b"broken")
    shown = type_("modelreg show fraud:\t")
    assert "<show><fraud:" in shown
    assert "error" not in shown


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("modelreg sh", ["show"]),
        ("modelreg show chu", ["churn"]),
        ("modelreg list ", ["churn", "fraud"]),
        ("modelreg show fraud:", ["fraud:1", "fraud:2"]),
        ("modelreg show fraud@", ["fraud@latest", "fraud@production"]),
    ],
)
def test_fish_offers_commands_models_and_versions(environ: dict[str, str], typed: str, offered: list[str]) -> None:
    command = f"source '{SCRIPTS / FILES['fish']}'; complete -C '{typed}'"
    done = subprocess.run(
        [_shell("fish"), "--no-config", "-c", command], capture_output=True, text=True, env=environ, check=True
    )
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == offered
    assert done.stderr == ""


INSTALLED = {
    "bash": ".bash_completions/modelreg.sh",
    "zsh": ".zfunc/_modelreg",
    "fish": "fish/completions/modelreg.fish",
}


@pytest.mark.parametrize("shell", INSTALLED)
def test_it_installs_itself_into_the_shell_that_calls_it(environ: dict[str, str], tmp_path: Path, shell: str) -> None:
    # A shell gives its place to its last command; with one more to do, it stays, and can be recognised.
    done = subprocess.run(
        [_shell(shell), "-c", "modelreg --install-completion; echo done"],
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )
    assert f"{shell} completion installed" in done.stdout, done.stderr
    assert [path for path in (tmp_path / "home").rglob("*") if path.as_posix().endswith(INSTALLED[shell])]
