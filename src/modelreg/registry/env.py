"""Making a version's environment anew, in a folder of the person's choice or in the user's cache."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelreg.canonical import encode
from modelreg.digest import sha256_of
from modelreg.environment.selection import Selection, one_version_each
from modelreg.errors import AccessDeniedError, ConflictError, EnvironmentMismatchError
from modelreg.export import why_unavailable
from modelreg.export.subject import Subject
from modelreg.install.installer import find_installer
from modelreg.install.rebuild import Rebuilt, read, rebuild
from modelreg.locks import held

WAIT = 900.0
"""Seconds to wait for another process that makes the same environment."""

_LOOK = 0.2  # seconds between two looks
_KEY = 32  # hexadecimal digits


def create(
    subject: Subject,
    folder: Path,
    *,
    python: Path | None = None,
    installer: str | None = None,
    allow_missing: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Rebuilt:
    """Make a version's environment in a folder; see `Registry.create_env`."""
    selection = _available(subject, allow_missing=allow_missing)
    return rebuild(selection, folder, find_installer(installer), python, tell)


def cached(
    subject: Subject,
    cache: Path,
    *,
    python: Path | None = None,
    installer: str | None = None,
    allow_missing: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Rebuilt:
    """Return a version's environment from a cache, where it is made if need be, by one process at a time.

    It is verified each time; one that was changed since, or whose Python is gone, is made anew.
    """
    selection = _available(subject, allow_missing=allow_missing)
    folder = cache / _key(selection)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _held(folder.with_suffix(".lock"), tell):
            known = read(selection, folder) if folder.exists() else None
            if known is not None and known.comparison.fits:
                with suppress(OSError):
                    os.utime(folder)  # used now; `modelreg cache prune` removes what was not used for longest
                return known
            if folder.exists():
                tell(f"{folder} is not what it was made as, so it is made anew")
                shutil.rmtree(folder)
            return rebuild(selection, folder, find_installer(installer), python, tell)
    except OSError as error:
        raise AccessDeniedError(
            f"the cache {cache} cannot be written: {error.strerror}; choose another folder with MODELREG_CACHE"
        ) from None


def _available(subject: Subject, *, allow_missing: bool) -> Selection:
    selection = one_version_each(subject.selection)
    if selection.unavailable and not allow_missing:
        listed = "; ".join(f"{pin} ({why_unavailable(pin)})" for pin in selection.unavailable)
        raise EnvironmentMismatchError(
            f"the environment of {subject.reference} cannot be made in full: {listed}. --allow-missing leaves them out"
        )
    return selection.without([str(pin) for pin in selection.unavailable])


def _key(selection: Selection) -> str:
    return sha256_of(encode({"environment": selection.environment.digest, "pins": list(selection.requirements)}))[:_KEY]


@contextmanager
def _held(path: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold a file that another process may hold for as long as it takes to make an environment."""
    end = time.monotonic() + WAIT
    told = False
    while True:
        with held(path) as file:
            if file is not None:
                yield
                return
        if not told:
            tell("Another process makes this environment; waiting for it")
            told = True
        if time.monotonic() > end:
            raise ConflictError(
                f"{path} was held by another process for {WAIT / 60:.0f} minutes, or lies where files cannot be "
                "locked; try again, or make the environment with modelreg env create"
            )
        time.sleep(_LOOK)
