"""Telling lock files apart, and reading the one that it is."""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from modelreg.environment.record import Environment
from modelreg.errors import EnvironmentUnreadableError, IntegrityError, UsageError
from modelreg.lock.lines import decoded, read_bytes, shown
from modelreg.lock.locked import Lock, Where

_KINDS = "requirements.txt, pylock.toml or uv.lock"
_HEADERS = {"packages": re.compile(r"\s*\[\[\s*packages\s*\]\]"), "package": re.compile(r"\s*\[\[\s*package\s*\]\]")}
_PIPENV = "make one with pipenv requirements > requirements.txt"
_CONDA = "check with --python what conda installed from it"
_OTHERS = {
    "poetry.lock": "make one with poetry export -f pylock.toml, or -f requirements.txt",
    "pdm.lock": "make one with pdm export -f pylock, or -f requirements",
    "pipfile.lock": _PIPENV,
    "pipfile": _PIPENV,
    "pyproject.toml": "make one with uv lock, pip lock or pip-compile",
    **{
        name: f"make one with pip-compile {name}, or uv pip compile {name} -o requirements.txt"
        for name in ("setup.cfg", "setup.py")
    },
    **dict.fromkeys(("environment.yml", "environment.yaml", "conda.yml", "conda.yaml"), _CONDA),
    "conda-lock.yml": "check with --python what is installed from it",
    "pixi.lock": "check with --python what is installed from it",
}
"""Files of other tools, and what to do: conda-lock and pixi list packages of conda, and write none that is read."""

_DEEP = re.compile(r"""(?<![\w"'.-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){50}""")
"""A key of so many parts that no lock has: the memory that tomllib takes for one grows with their square."""

Read = Callable[[Mapping[str, object], list[Where], Environment, str | None], Lock]


class LockFile(NamedTuple):
    """A lock file that an environment is to be built from."""

    path: Path

    def read(self, environment: Environment, group: str | None = None) -> Lock:
        """Read it: what would be installed for the Python and platform of an environment.

        group: the dependency group or extra of the lock that would be installed, where it has one of that name.

        Raises:
            NotFoundError, AccessDeniedError: there is none, or it is not ours to read.
            EnvironmentUnreadableError: it is damaged, or includes what cannot be read.
            UsageError: it is no lock of a kind that is read.
        """
        named = shown(self.path)
        try:
            return self._read(named, environment, group)._replace(path=named)
        except (ValueError, RecursionError) as error:  # an address that is none, or what is nested without end
            said = str(error).partition(";")[0]  # what follows is advice to who wrote the program
            raise EnvironmentUnreadableError(f"{named} cannot be read: {said}; make the lock again") from None

    def _read(self, named: str, environment: Environment, group: str | None) -> Lock:
        data = read_bytes(self.path, named)
        other = _OTHERS.get(self.path.name.lower())
        if other or self.path.suffix.lower() in (".json", ".yaml", ".yml"):
            raise UsageError(f"{named} is no {_KINDS}; {other or 'make one'}")
        suffix, text = self.path.suffix.lower(), decoded(data, named)
        # Some name what pip-compile writes requirements.lock, and uv names a script's lock script.py.lock.
        if suffix == ".toml" or (suffix == ".lock" and (self.path.name == "uv.lock" or _is_toml(text))):
            return _read_toml(text, named, environment, group)
        # Imported here: each lock is of one kind.
        from modelreg.lock.requirements import read_requirements

        return read_requirements(self.path, environment)


def _is_toml(text: str) -> bool:
    try:
        return _DEEP.search(text) is None and bool(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError):
        return False


def _read_toml(text: str, named: str, environment: Environment, group: str | None) -> Lock:
    if _DEEP.search(text):
        raise EnvironmentUnreadableError(f"{named} nests its keys too deep to be a lock; make the lock again")
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise EnvironmentUnreadableError(f"{named} is no TOML: {error}; make the lock again") from None
    read, list_name = _reader(document, named)
    try:
        return read(document, _lines(text, document, list_name, named), environment, group)
    except IntegrityError as error:
        raise EnvironmentUnreadableError(f"{named} {error}; make the lock again") from None
    except EnvironmentUnreadableError as error:
        raise EnvironmentUnreadableError(f"{named} cannot be read: {error}") from None


def _reader(document: Mapping[str, object], named: str) -> tuple[Read, str]:
    if "lock-version" in document:
        from modelreg.lock.pylock import read_pylock

        return read_pylock, "packages"
    if isinstance(document.get("version"), int) and ("package" in document or "requires-python" in document):
        from modelreg.lock.uv import read_uv

        return read_uv, "package"
    raise UsageError(f"{named} is no {_KINDS}; make one, as with uv lock or pip lock")


def _lines(text: str, document: Mapping[str, object], list_name: str, named: str) -> list[Where]:
    """Return where each package stands; on line 1 where that cannot be told."""
    entries = document.get(list_name, [])
    count = len(entries) if isinstance(entries, list) else 0
    header = _HEADERS[list_name]
    lines = [number for number, line in enumerate(text.split("\n"), 1) if header.match(line)]
    return [(named, number) for number in (lines if len(lines) == count else [1] * count)]
