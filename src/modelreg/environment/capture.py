"""Read an interpreter's environment: find the interpreter, run the probe in it, make sense of the answer."""

import json
import os
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import which
from typing import Any

from modelreg.environment import probe
from modelreg.environment.distribution import Duplicate, read_distributions
from modelreg.environment.record import Environment, Origin, Package, Platform, Python
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

    kind: `venv`, `conda` or `system`. paths: what added to `sys.path`, as in `CaptureNote`; None is unknown.
    duplicates: distributions that another one of the same name, earlier on the path, hides.
    Of this machine, and never recorded: prefix, where the environment lies; interpreter, what was asked;
    places, the folder or file of each package's metadata, by name; search, its `sys.path`.
    """

    environment: Environment
    kind: str
    prefix: str
    remarks: tuple[str, ...] = ()
    paths: tuple[str, ...] | None = None
    duplicates: tuple[Duplicate, ...] = ()
    interpreter: Path | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    search: tuple[str, ...] = ()

    def record_digest(self, package: Package) -> str | None:
        """Return the digest of what a package installed, read now; None where nothing says what it installed."""
        place = self.places.get(package.name)
        if place is None or (package.origin is not None and package.origin.kind == "editable"):
            return None
        try:
            return probe.record_digest(Path(place, "RECORD").read_bytes())
        except OSError:
            return None


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


def capture(interpreter: Interpreter, *, in_process: bool = False, whole: bool = True) -> Capture:
    """Read the environment of an interpreter.

    whole: also what each package needs, the tags of its wheel and the digest of what it installed.
    in_process: read the running interpreter without starting another. Sound where nothing but the interpreter's own
    start-up has changed `sys.path`, as in the command-line tool; it is ignored for another interpreter.

    Raises:
        EnvironmentUnreadableError: the executable does not run, or is no Python.
    """
    facts = _own_facts(whole=whole) if in_process and _is_running_one(interpreter) else _ask(interpreter, whole=whole)
    return _made_of(facts, interpreter.path, whole=whole)


def capture_running(names: AbstractSet[str] | None = None) -> Capture:
    """Read the environment of the process that calls this: its `sys.path` as it is now.

    names: only these packages, normalised. They are looked for by the names of their metadata's folders, and one that
    is not found so among all that is installed.
    """
    facts: dict[str, Any] = probe.facts(sys.path, names=names)
    running = _made_of(facts, Path(sys.executable), whole=False)
    if names is None or names <= {package.name for package in running.environment.packages}:
        return running
    every = capture_running()
    packages = tuple(package for package in every.environment.packages if package.name in names)
    return replace(every, environment=replace(every.environment, packages=packages))


def _made_of(facts: Mapping[str, Any], interpreter: Path, *, whole: bool) -> Capture:
    found = read_distributions(facts["distributions"])
    kind, prefix, libc = _kind(facts), facts["prefix"], facts["libc"] or (None, None)
    environment = Environment(
        Python(facts["python"], facts["implementation"], facts["soabi"]),
        Platform(facts["system"], facts["machine"], *libc),
        found.packages,
    )
    if whole and found.editable:
        environment = _with_commits(environment, found.editable)
    if whole and kind == "conda":
        # Imported here: few environments are conda's.
        from modelreg.environment.conda import with_conda

        environment = with_conda(environment, Path(prefix), found.places)
    remarks = (*found.remarks, *(_ADDED[path] for path in facts["paths"] if path in _ADDED))
    paths, search = tuple(facts["paths"]), tuple(facts["search"])
    return Capture(environment, kind, prefix, remarks, paths, found.duplicates, interpreter, found.places, search)


_ADDED = {
    "pythonpath": "PYTHONPATH was set: its packages are part of this environment",
    "user-site": "the user's own site-packages folder was in use: its packages are part of this environment",
}


def _with_commits(environment: Environment, editable: Mapping[str, str]) -> Environment:
    """Say of each editable package which commit its folder is at, where that is a git work tree."""
    # Imported here: it starts git, and few environments hold anything editable.
    from modelreg.source import git_source

    def with_commit(package: Package) -> Package:
        source = git_source(Path(editable[package.name])) if package.name in editable else None
        if source is None:
            return package
        origin = Origin("editable", source.remote, "git", source.commit, dirty=source.dirty)
        return replace(package, origin=origin)

    return replace(environment, packages=tuple(map(with_commit, environment.packages)))


def _own_facts(*, whole: bool) -> dict[str, Any]:
    # The first entry is the folder of the script that was started, unless Python was told to leave it out (-P).
    facts: dict[str, Any] = probe.facts(sys.path if sys.flags.safe_path else sys.path[1:], whole)
    return facts


def _is_running_one(interpreter: Interpreter) -> bool:
    """Tell whether another process of this interpreter would see what this one does."""
    flags = sys.flags
    if flags.isolated or flags.no_site or flags.ignore_environment or flags.no_user_site:
        return False
    # The same binary from the same folder, called python, python3 or python3.11, has the same environment.
    other, own = interpreter.path.absolute(), Path(sys.executable).absolute()
    return other == own or (other.parent.resolve() == own.parent.resolve() and other.resolve() == own.resolve())


def _ask(interpreter: Interpreter, *, whole: bool) -> dict[str, Any]:
    # Imported here: the running interpreter is read without it.
    import subprocess

    word = f"modelreg-{os.urandom(8).hex()}:"
    command = [str(interpreter.path), str(Path(probe.__file__)), word, *(["whole"] if whole else [])]
    environ = {name: value for name, value in os.environ.items() if name != "__PYVENV_LAUNCHER__"}
    try:
        answer = subprocess.run(  # noqa: S603  # the executable is the one the user names
            command, capture_output=True, timeout=TIMEOUT, env=environ, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentUnreadableError(
            f"{interpreter.path} did not answer within {TIMEOUT} s; give another one with --python"
        ) from None
    except OSError as error:
        raise EnvironmentUnreadableError(
            f"{interpreter.path} cannot be run ({error.strerror}); give another one with --python"
        ) from None
    # What comes before the word was printed by the environment's own start-up files.
    _, found, document = answer.stdout.decode("utf-8", "replace").rpartition(word)
    try:
        facts: dict[str, Any] = json.loads(document.splitlines()[0]) if found else {}
    except (ValueError, IndexError):
        facts = {}
    if not facts:
        reason = _reason(answer.stderr.decode("utf-8", "replace"))
        raise EnvironmentUnreadableError(
            f"{interpreter.path} is no Python 3.8 or later that can be read (it exited with "
            f"{answer.returncode}{reason}); give another one with --python"
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
    command = which(python) if Path(python).name == python else None
    if command is not None:
        return Path(command).absolute()
    if path.is_file():
        return path
    if path.is_dir():
        raise NotFoundError(f"there is no Python in the folder {python}; give the folder of an environment")
    raise NotFoundError(f"there is no interpreter {python}; give the path of a Python executable or environment")


def _in_folder(folder: Path) -> Path | None:
    names = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe", "bin/python.exe")
    return next((path for name in names if (path := folder / name).is_file()), None)


def _kind(facts: Mapping[str, Any]) -> str:
    if Path(facts["prefix"], "conda-meta").is_dir():
        return "conda"
    return "system" if facts["prefix"] == facts["base_prefix"] else "venv"
