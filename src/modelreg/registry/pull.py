"""Pulling: bytes verified while they stream, and nothing in place before all of it is right."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from modelreg.cache.local import LocalCache
from modelreg.digest import pour
from modelreg.errors import AccessDeniedError, ConflictError, IntegrityError, ModelregError, NotFoundError
from modelreg.files import pieces
from modelreg.locks import alone, held
from modelreg.manifest import Manifest
from modelreg.paths import MANIFEST
from modelreg.progress import Meter, Progress, ProgressCallback
from modelreg.pulled import PulledManifest
from modelreg.records import File
from modelreg.registry.download import Download
from modelreg.registry.transfer import is_resumed, is_worth_keeping
from modelreg.store import Store
from modelreg.version import Version

_STAGING = ".modelreg-"
_LOCK = ".modelreg-lock"
"""In a folder that is being filled: held by the pull that does it."""

_NAMED = 5
"""How many of the files that are in the way an error names."""


class Pulled(NamedTuple):
    """A pull that is complete. changed: False where everything was there, and was right, already."""

    version: Version
    folder: Path
    changed: bool


def pull(
    store: Store,
    manifest: Manifest,
    folder: Path,
    *,
    force: bool = False,
    progress: ProgressCallback | None = None,
    cache: LocalCache | None = None,
) -> Pulled:
    """Write a version's files and its `modelreg.yaml` into `folder`.

    A new folder appears whole, by one rename. An existing one is filled file by file, the manifest last, and by one
    pull at a time: another one waits, and then looks what is there.
    force: replace files that differ, and remove what another pulled version left there unchanged.
    cache: where files are found, and kept.

    Raises:
        ConflictError: files there are not this version's.
        IntegrityError: the registry's bytes are wrong or missing; nothing was written.
    """
    download = Download(store, manifest, progress, cache)
    try:
        made = not os.path.lexists(folder) and _make(download, folder)
        changed = made or _fill(download, folder, force=force)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return Pulled(manifest.version, folder, changed)


def _make(download: Download, folder: Path) -> bool:
    """Make the folder as the version has it; return False where somebody else has made it meanwhile."""
    with _parents(folder), _staging(download, folder.parent) as whole:
        download.write(download.manifest.tree.files, whole, _note(whole))
        (whole / MANIFEST).write_text(download.manifest.to_yaml(), encoding="utf-8")
        try:
            whole.rename(folder)
        except OSError:
            if os.path.lexists(folder):
                return False
            raise
    return True


def _unwritable(folder: Path, error: OSError) -> ModelregError:
    # The system may name a file of the staging folder, which nobody has heard of and which is gone by now.
    what = error.filename if error.filename and _STAGING not in str(error.filename) else folder
    if isinstance(error, PermissionError):
        return AccessDeniedError(f"no permission to write {what}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelregError(f"the disk of {folder} is full; make room, or choose another folder with -o")
    return ModelregError(f"{what} cannot be written: {error.strerror or error}")


class _Lacking(NamedTuple):
    """What a folder lacks of a version. earlier: what its manifest says was pulled here before."""

    files: list[File]
    earlier: PulledManifest | None


def _fill(download: Download, folder: Path, *, force: bool) -> bool:
    """Bring an existing folder to the version; tell whether anything had to be written."""
    if not folder.is_dir():
        raise ConflictError(f"{folder} is a file; choose another folder with -o")
    if _lacking(download, folder, force=force) is None:
        return False
    report = download.progress

    def waiting() -> None:
        if report is not None:
            report(Progress("wait", 0, 0))

    with alone(folder / _LOCK, waiting):
        # Another pull may have been here since, and what it left may be whole, or another version.
        lacking = _lacking(download._replace(progress=None), folder, force=force)
        if lacking is None:
            return False
        _write(download, folder, lacking)
    return True


def _lacking(download: Download, folder: Path, *, force: bool) -> _Lacking | None:
    """Return what a folder lacks of the version; None where it is whole.

    Raises:
        ConflictError: something is in the way, or would be replaced without `force`.
    """
    manifest = download.manifest
    files = manifest.tree.files
    for path in (*(file.path for file in files), MANIFEST):
        blocker = _in_the_way(folder, path)
        if blocker is not None:
            raise ConflictError(f"{blocker} is in the way of {path}; remove it, or choose another folder with -o")
    meter = Meter("verify", manifest.tree.size, download.progress)
    wanting = [file for file in files if not _is_same(folder / file.path, file, meter)]
    present = _read_text(folder / MANIFEST)
    earlier = _earlier(present)
    if not force:
        _refuse_to_replace(folder, wanting, present, earlier, manifest)
    return None if not wanting and present == manifest.to_yaml() else _Lacking(wanting, earlier)


def _write(download: Download, folder: Path, lacking: _Lacking) -> None:
    """Write what a folder lacks, the manifest last."""
    manifest, earlier, target = download.manifest, lacking.earlier, folder / MANIFEST
    with _staging(download, folder) as staging:
        download.write(lacking.files, staging, _note(staging))
        (staging / MANIFEST).write_text(manifest.to_yaml(), encoding="utf-8")
        if earlier is not None and earlier.record != manifest.version.digest:
            target.unlink()  # from here on the folder is no longer what its manifest says
            _remove_leftovers(folder, earlier, manifest)
        for file in lacking.files:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (staging / file.path).replace(folder / file.path)
        (staging / MANIFEST).replace(target)


def _refuse_to_replace(
    folder: Path, wanting: list[File], present: str | None, earlier: PulledManifest | None, manifest: Manifest
) -> None:
    remedy = "use --force to replace, or choose another folder with -o"
    if present is not None and (earlier is None or earlier.record != manifest.version.digest):
        what = f"holds {earlier.reference}" if earlier else f"has a {MANIFEST} that modelreg did not write"
        raise ConflictError(f"{folder} {what}, not {manifest.version.reference}; {remedy}")
    differing = [file.path for file in wanting if os.path.lexists(folder / file.path)]
    if differing:
        names = ", ".join(differing[:_NAMED]) + (" …" if len(differing) > _NAMED else "")
        raise ConflictError(f"{folder} has files that are not those of {manifest.version.reference}: {names}; {remedy}")


def _remove_leftovers(folder: Path, earlier: PulledManifest, manifest: Manifest) -> None:
    """Remove what the version pulled here before has and this one has not, where it was not changed since."""
    wanted = {file.path.casefold() for file in manifest.tree.files}  # a system may ignore case
    for file in earlier.files:
        path = folder / file.path
        # The earlier manifest may be anybody's: nothing is removed through a symlink.
        if file.path.casefold() in wanted or _in_the_way(folder, file.path) or not _is_same(path, file):
            continue
        path.unlink()
        for parent in path.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()


def _is_same(path: Path, file: File, meter: Meter | None = None) -> bool:
    try:
        if path.is_symlink() or path.stat().st_size != file.size:
            return False
    except OSError:
        return False
    try:
        return pour(pieces(path), None, meter.add if meter else None).sha256 == file.sha256
    except NotFoundError:  # another pull has just removed it
        return False


def _in_the_way(folder: Path, path: str) -> Path | None:
    """Return what keeps a file from being written: a symlink or a file for a folder, or no file in its own place."""
    *parents, name = path.split("/")
    place = folder
    for parent in parents:
        place /= parent
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            return place
    place /= name
    return place if place.exists() and not place.is_file() else None


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _earlier(text: str | None) -> PulledManifest | None:
    try:
        return None if text is None else PulledManifest.from_yaml(text)
    except IntegrityError:
        return None


@contextmanager
def _parents(folder: Path) -> Iterator[None]:
    """Make the folders above `folder`, and remove those again when it comes to nothing."""
    missing = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
        raise


@contextmanager
def _staging(download: Download, parent: Path) -> Iterator[Path]:
    """Make a private folder beside what is being written, and remove it in the end.

    Where a download that is interrupted is worth going on with, the folder stays then, and is found again.
    """
    if is_resumed(download.store, download.manifest.tree.size):
        folder = parent / f"{_STAGING}{download.manifest.version.digest[-16:]}"
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if _is_private(folder):
            with held(folder / "lock") as lock:
                if lock is not None:  # else another process is at it
                    yield from _in(folder, keep=True)
                    return
    folder = parent / f"{_STAGING}{os.urandom(8).hex()}"
    folder.mkdir(mode=0o700)
    yield from _in(folder, keep=False)


def _in(folder: Path, *, keep: bool) -> Iterator[Path]:
    try:
        (folder / "new").mkdir(exist_ok=True)
        yield folder / "new"
    except BaseException as error:
        if not (keep and is_worth_keeping(error)):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _note(staging: Path) -> Path:
    """Return where to note how much of a file has arrived: beside the files, in the folder that is ours alone."""
    return staging.with_name("arrived")


def _is_private(folder: Path) -> bool:
    """Tell whether a folder is our own and closed to others, who could have laid symlinks in it."""
    status = folder.lstat()
    if os.name == "nt":
        return stat.S_ISDIR(status.st_mode)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
