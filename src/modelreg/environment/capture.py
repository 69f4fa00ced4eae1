"""Read an interpreter's environment: find the interpreter, run the probe in it, make sense of the answer."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelreg.environment import probe
from modelreg.environment.distribution import read_distributions
from modelreg.environment.record import Environment, Platform, Python
from modelreg.errors import EnvironmentUnreadableError, NotFoundError

TIMEOUT = 60
"""Seconds that an interpreter has to answer."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python executable, and why it was chosen (`--python`, `VIRTUAL_ENV`, `CONDA_PREFIX`, or the running one)."""

    path: Path
    chosen_by: str


@dataclass(frozen=True, slots=True)
class Capture:
    """What an interpreter said: its environment, and what was odd about it.

    kind: `venv`, `conda` or `system`. prefix: where the environment lies on this machine; never recorded.
    """

    environment: Environment
    kind: str
    prefix: str
    remarks: tuple[str, ...] = ()


def find_interpreter(python: str | os.PathLike[str] | None = None) -> Interpreter:
    """Choose the interpreter whose environment counts.

    python: an executable, a command on the PATH, or the folder of an environment. Without it: the active virtual or
    conda environment, else the interpreter that runs this.

    Raises:
        NotFoundError: there is no such interpreter.
    """
    if python is not None:
        return Interpreter(_executable(os.fspath(python)), "--python")
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        folder = os.environ.get(variable)
        if folder:
            path = _in_folder(Path(folder))
            if path is None:
                raise NotFoundError(f"{variable} is {folder}, which holds no Python; deactivate it or use --python")
            return Interpreter(path, variable)
    return Interpreter(Path(sys.executable), "the running interpreter")


def capture(interpreter: Interpreter, *, in_process: bool = False) -> Capture:
    """Read the environment of an interpreter.

    in_process: read the running interpreter without starting another. Sound where nothing but the interpreter's own
    start-up has changed `sys.path`, as in the command-line tool; it is ignored for another interpreter.

    Raises:
        EnvironmentUnreadableError: the executable does not run, or is no Python.
    """
    facts = _own_facts() if in_process and _is_running_one(interpreter) else _ask(interpreter)
    packages, remarks = read_distributions(facts["distributions"])
    libc = facts["libc"] or (None, None)
    environment = Environment(
        Python(facts["python"], facts["implementation"], facts["soabi"]),
        Platform(facts["system"], facts["machine"], *libc),
        packages,
    )
    if facts["pythonpath"]:
        remarks = (*remarks, "PYTHONPATH was set: its packages are part of this environment")
    return Capture(environment, _kind(facts), facts["prefix"], remarks)


def _own_facts() -> dict[str, Any]:
    facts = probe.facts()
    # The first entry is the folder of the script that was started, unless Python was told to leave it out (-P).
    paths = sys.path if sys.flags.safe_path else sys.path[1:]
    return {**facts, "distributions": probe.distributions(paths)}


def _is_running_one(interpreter: Interpreter) -> bool:
    flags = sys.flags
    altered = flags.isolated or flags.no_site or flags.ignore_environment or flags.no_user_site
    return not altered and interpreter.path.absolute() == Path(sys.executable).absolute()


def _ask(interpreter: Interpreter) -> dict[str, Any]:
    word = f"modelreg-{secrets.token_hex(8)}:"
    command = [str(interpreter.path), str(Path(probe.__file__)), word]
    environ = {name: value for name, value in os.environ.items() if name != "__PYVENV_LAUNCHER__"}
    try:
        answer = subprocess.run(  # noqa: S603  # the executable is the one the user names
            command, capture_output=True, timeout=TIMEOUT, env=environ, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentUnreadableError(f"{interpreter.path} did not answer within {TIMEOUT} s") from None
    except OSError as error:
        raise EnvironmentUnreadableError(f"{interpreter.path} cannot be run: {error.strerror}") from None
    # What comes before the word was printed by the environment's own start-up files.
    _, found, document = answer.stdout.decode("utf-8", "replace").partition(word)
    try:
        facts: dict[str, Any] = json.loads(document.splitlines()[0]) if found else {}
    except (ValueError, IndexError):
        facts = {}
    if not facts:
        said = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = f": {said[-1][:200]}" if said else ""
        raise EnvironmentUnreadableError(
            f"{interpreter.path} is no Python 3.8 or later that can be read; it exited with {answer.returncode}{reason}"
        )
    return facts


def _executable(python: str) -> Path:
    path = Path(python).expanduser()
    if path.is_dir():
        inside = _in_folder(path)
        if inside is None:
            raise NotFoundError(f"there is no Python in the folder {python}")
        return inside
    if path.is_file():
        return path
    command = shutil.which(python) if Path(python).name == python else None
    if command is None:
        raise NotFoundError(f"there is no interpreter {python}; give the path of a Python executable or environment")
    return Path(command)


def _in_folder(folder: Path) -> Path | None:
    names = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")
    return next((path for name in names if (path := folder / name).is_file()), None)


def _kind(facts: Mapping[str, Any]) -> str:
    if Path(facts["prefix"], "conda-meta").is_dir():
        return "conda"
    return "system" if facts["prefix"] == facts["base_prefix"] else "venv"
