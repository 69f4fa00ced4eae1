"""The interpreter whose environment counts: choosing it, and asking it what is installed for it.

Little is imported here, so that an interpreter can be asked at once and answers while the rest is loaded.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from modelreg.errors import EnvironmentUnreadableError, NotFoundError

PROBE = Path(__file__).with_name("run_probe.py")
"""The script that an interpreter is asked with."""
TIMEOUT = 60
"""Seconds that an interpreter has to answer."""


class Interpreter(NamedTuple):
    """A Python executable, and why it was chosen (`--python`, `VIRTUAL_ENV`, `CONDA_PREFIX`, or the running one)."""

    path: Path
    chosen_by: str


def find_interpreter(python: str | os.PathLike[str] | None = None) -> Interpreter:
    """Choose the interpreter whose environment counts.

    python: an executable, a command on the PATH, or the folder of an environment. Without it: the active virtual or
    conda environment, else the interpreter that runs this.

    Raises:
        NotFoundError: there is no such interpreter.
    """
    try:
        return _chosen(None if python is None else os.fspath(python))
    except (OSError, RuntimeError) as error:  # a folder that is not ours to look into; a home that nobody has
        raise NotFoundError(f"the interpreter cannot be looked for: {error}; give another one with --python") from None


def is_running_one(interpreter: Interpreter) -> bool:
    """Tell whether another process of this interpreter would see what this one does."""
    flags = sys.flags
    if flags.isolated or flags.no_site or flags.ignore_environment or flags.no_user_site:
        return False
    # The same binary from the same folder, called python, python3 or python3.11, has the same environment.
    other, own = interpreter.path.absolute(), Path(sys.executable).absolute()
    return other == own or (other.parent.resolve() == own.parent.resolve() and other.resolve() == own.resolve())


class Asked:
    """An interpreter that was started to say what is installed for it; `facts` waits for its answer.

    As a context manager it ends the interpreter if that still runs.

    whole: as in `capture`.

    Raises:
        EnvironmentUnreadableError: the executable does not run.
    """

    def __init__(self, interpreter: Interpreter, *, whole: bool) -> None:
        # Imported here: a process that reads its own environment starts no other.
        import subprocess

        self.interpreter = interpreter
        self._word = f"modelreg-{os.urandom(8).hex()}:"
        command = [str(interpreter.path), str(PROBE), self._word, *(["whole"] if whole else [])]
        environ = {name: value for name, value in os.environ.items() if name != "__PYVENV_LAUNCHER__"}
        nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
        try:
            self._process = subprocess.Popen(  # noqa: S603  # the executable is the one the user names
                command, env=environ, stdin=nothing, stdout=pipe, stderr=pipe
            )
        except OSError as error:
            raise EnvironmentUnreadableError(
                f"{interpreter.path} cannot be run ({error.strerror}); give another one with --python"
            ) from None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the interpreter, if it has not ended yet."""
        with self._process:
            if self._process.poll() is None:
                with suppress(OSError):
                    self._process.kill()

    def facts(self) -> dict[str, Any]:
        """Wait for what the probe says (`modelreg.environment.probe.facts`).

        Raises:
            EnvironmentUnreadableError: it does not answer in time, or is no Python.
        """
        import json
        import subprocess

        path = self.interpreter.path
        try:
            said, complaints = self._process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            raise EnvironmentUnreadableError(
                f"{path} did not answer within {TIMEOUT} s; give another one with --python"
            ) from None
        # What comes before the word was printed by the environment's own start-up files.
        _, found, document = said.decode("utf-8", "replace").rpartition(self._word)
        try:
            facts: dict[str, Any] = json.loads(document.splitlines()[0]) if found else {}
        except (ValueError, IndexError):
            facts = {}
        if not facts:
            reason = _reason(complaints.decode("utf-8", "replace"))
            raise EnvironmentUnreadableError(
                f"{path} is no Python 3.8 or later that can be read (it exited with "
                f"{self._process.returncode}{reason}); give another one with --python"
            )
        return facts


def _reason(said: str) -> str:
    """Pick the line of standard error that tells most: a traceback's last, else the first."""
    lines = said.strip().splitlines()
    if not lines:
        return ""
    line = lines[-1] if any(line.startswith("Traceback") for line in lines) else lines[0]
    return ": " + "".join(character if character.isprintable() else "?" for character in line[:200])


def _chosen(python: str | None) -> Interpreter:
    if python is not None:
        return Interpreter(_executable(python), "--python")
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        folder = os.environ.get(variable)
        if folder:
            path = _in_folder(Path(folder).absolute())
            if path is None:
                raise NotFoundError(f"{variable} is {folder}, which holds no Python; deactivate it or use --python")
            return Interpreter(path, variable)
    if not sys.executable:
        raise NotFoundError("the running program does not know which Python runs it; use --python")
    return Interpreter(Path(sys.executable), "the running interpreter")


def _executable(python: str) -> Path:
    if not python:
        raise NotFoundError("--python is empty; give the path of a Python executable or environment")
    # Absolute, because a bare name or a path that lost its ./ would be looked for on the PATH when it is run.
    path = Path(python).expanduser().absolute()
    inside = _in_folder(path)
    if inside is not None:
        return inside
    # A bare name is a command, even beside a folder of sources called python.
    command = _on_the_path(python) if Path(python).name == python else None
    if command is not None:
        return Path(command).absolute()
    if path.is_file():
        return path
    if path.is_dir():
        raise NotFoundError(f"there is no Python in the folder {python}; give the folder of an environment")
    raise NotFoundError(f"there is no interpreter {python}; give the path of a Python executable or environment")


def _on_the_path(command: str) -> str | None:
    # Imported here: with the compressions that it brings along, it takes longer than most interpreters are looked for.
    from shutil import which

    return which(command)


def _in_folder(folder: Path) -> Path | None:
    names = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe", "bin/python.exe")
    return next((path for name in names if (path := folder / name).is_file()), None)


@contextmanager
def ask(python: str | os.PathLike[str] | None, *, whole: bool) -> Iterator[Asked | None]:
    """Ask the interpreter whose environment counts, unless it is the running one, which is read without being asked.

    python, whole: as in `find_interpreter` and `capture`.

    Raises:
        NotFoundError: there is no such interpreter.
        EnvironmentUnreadableError: it does not run.
    """
    interpreter = find_interpreter(python)
    if is_running_one(interpreter):
        yield None
        return
    with Asked(interpreter, whole=whole) as asked:
        yield asked
