"""Making the environment of a version anew: the recorded Python, the exact pins, and the proof that it fits."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from modelreg.environment.capture import Capture, capture
from modelreg.environment.compare import Comparison, compare
from modelreg.environment.expected import Expected
from modelreg.environment.finding import Finding, Severity, few
from modelreg.environment.interpreter import find_interpreter
from modelreg.environment.selection import Selection
from modelreg.errors import (
    AccessDeniedError,
    ConflictError,
    EnvironmentMismatchError,
    EnvironmentUnreadableError,
    ModelregError,
    NotFoundError,
)
from modelreg.install.gaps import gaps
from modelreg.install.installer import Installer
from modelreg.install.pythons import FoundPython, find_python, look
from modelreg.locks import held

PARTIAL = "modelreg-partial"
"""A file in an environment that is being made: whoever makes it holds it, and it goes when the environment fits."""

_NAMED = 5
"""How many differences an error names."""


class Rebuilt(NamedTuple):
    """An environment that fits. created: False where it was there already.

    python: its executable. unmet: what declared packages need and nothing pins, in sentences.
    """

    folder: Path
    python: Path
    created: bool
    capture: Capture
    comparison: Comparison
    unmet: tuple[str, ...] = ()


def rebuild(
    selection: Selection,
    folder: Path,
    installer: Installer,
    python: Path | None,
    tell: Callable[[str], None],
) -> Rebuilt:
    """Make a virtual environment that holds a selection, and verify it; one that is there and fits is left as it is.

    python: the interpreter to make it with; found when not given. tell: is told of each step, in a sentence.

    Raises:
        ConflictError: the folder holds something else, or somebody is at work on it.
        EnvironmentMismatchError: what was made does not fit; it is removed again.
        NotFoundError: there is no such Python, or no index has a pin.
        PackageIndexError: an index cannot be reached, or what it serves cannot be installed.
    """
    try:
        there = _there(selection, folder)
        if there is not None:
            return there
        found = _interpreter(selection, installer, python, tell)
        with _made_whole(folder):
            return _make(selection, folder, installer, found, tell)
    except PermissionError as error:
        raise AccessDeniedError(f"no permission to write {error.filename or folder}") from None
    except OSError as error:
        raise ModelregError(f"{folder} cannot be written: {error.strerror or error}") from None


def read(selection: Selection, folder: Path) -> Rebuilt | None:
    """Capture the environment in a folder and compare it with a selection; None where it holds none that is whole."""
    if (folder / PARTIAL).exists():
        return None
    try:
        return _captured(selection, folder, created=False)
    except (NotFoundError, EnvironmentUnreadableError):
        return None


def _captured(selection: Selection, folder: Path, *, created: bool) -> Rebuilt:
    interpreter = find_interpreter(folder)
    found = capture(interpreter)
    comparison = compare(selection.expected, found.environment, None, found.duplicates, unplaced=found.unplaced)
    unmet = tuple(gaps(selection, found.environment))
    return Rebuilt(folder, interpreter.path, created=created, capture=found, comparison=comparison, unmet=unmet)


def _there(selection: Selection, folder: Path) -> Rebuilt | None:
    """Return the environment that is in the folder and fits; None where the folder is free, or holds a killed one's."""
    if not folder.exists() or (folder / PARTIAL).exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    known = read(selection, folder) if folder.is_dir() else None
    if known is None:
        raise ConflictError(f"{folder} holds something else; choose another folder, or remove it")
    if not known.comparison.fits:
        raise ConflictError(
            f"{folder} is an environment that does not fit ({known.comparison.findings[0]}); choose another folder, "
            "or remove it"
        )
    return known


def _interpreter(
    selection: Selection, installer: Installer, python: Path | None, tell: Callable[[str], None]
) -> FoundPython:
    """Return the interpreter to use, once it is known that Python and the platform will fit."""
    wanted = selection.environment
    found = look(find_interpreter(python).path) if python is not None else find_python(wanted.python, installer, tell)
    if found is None:
        raise EnvironmentUnreadableError(f"{python} is no Python that answers; give another one with --python")
    bare = capture(find_interpreter(found.path), whole=False).environment
    findings = compare(Expected(wanted._replace(packages=())), bare._replace(packages=())).findings
    wrong = [one for one in findings if one.severity is Severity.ERROR and one.subject in ("python", "platform")]
    if wrong:
        raise EnvironmentMismatchError(f"{found.path} cannot hold this environment: {_listed(wrong)}")
    return found


def _make(
    selection: Selection, folder: Path, installer: Installer, found: FoundPython, tell: Callable[[str], None]
) -> Rebuilt:
    tell(f"Making {folder} with Python {found.python.version} of {found.path}")
    installer.make(folder, found.path)
    if selection.requirements:
        tell(f"Installing {len(selection.requirements)} packages with {installer.name}")
        installer.install(find_interpreter(folder).path, selection.requirements)
    tell("Verifying")
    made = _captured(selection, folder, created=True)
    if not made.comparison.fits:
        wrong = _listed(made.comparison.faults)
        raise EnvironmentMismatchError(f"what was installed does not fit, so it was removed: {wrong}")
    return made


@contextmanager
def _made_whole(folder: Path) -> Iterator[None]:
    """Let an environment be made in a folder, which is as it was before where that fails; a killed one's is removed."""
    was_there = folder.is_dir() and not (folder / PARTIAL).exists()
    folder.mkdir(parents=True, exist_ok=True)
    ours = whole = False
    try:
        with held(folder / PARTIAL) as mine:
            if mine is None:
                raise ConflictError(f"{folder} is being made by somebody else; wait, or choose another folder")
            ours = True
            if not mine.read() and any(path.name != PARTIAL for path in folder.iterdir()):
                raise ConflictError(f"{folder} was filled by somebody else meanwhile; try again")
            mine.write(b"This environment is being made, or whoever made it was killed.\n")
            mine.flush()
            try:
                _clear(folder)
                yield
                whole = True
            finally:
                if not whole:
                    ours = False  # what cannot be removed stays marked
                    _clear(folder)
                    ours = True
                mine.truncate(0)  # from here on nobody takes it for a killed one's
    finally:
        # Windows removes no file that is open.
        if ours:
            (folder / PARTIAL).unlink(missing_ok=True)
        if ours and not whole and not was_there:
            with suppress(OSError):  # somebody else's by now
                folder.rmdir()


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == PARTIAL:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _listed(findings: Sequence[Finding]) -> str:
    return few([str(finding) for finding in findings], _NAMED, "; ", "; and ")
