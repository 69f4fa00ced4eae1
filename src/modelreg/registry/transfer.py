"""How files travel: small ones side by side, large ones in parts; and going on with a transfer that was killed.

Where an upload had come to is noted on this machine, so that the same command finds it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, TypeVar

from modelreg import layout
from modelreg.canonical import encode
from modelreg.digest import sha256_of
from modelreg.errors import AccessDeniedError, StoreError
from modelreg.files import SourceTree
from modelreg.locks import held
from modelreg.settings import cache_folder
from modelreg.store import Store
from modelreg.store.bucket import PART


def is_resumed(store: Store, size: int) -> bool:
    """Tell whether a transfer of so many bytes is worth going on with: it has to travel, and in more than one part."""
    return store.parallel > 1 and size > PART


def is_worth_keeping(error: BaseException) -> bool:
    """Tell whether what was transferred until an error is of use when the command is given again.

    It is after an interruption, and where the store went away or the credentials expired.
    """
    return isinstance(error, StoreError | AccessDeniedError) or not isinstance(error, Exception)


class Sized(Protocol):
    """What has a size."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...


Item = TypeVar("Item", bound=Sized)


def by_size(files: Iterable[Item]) -> tuple[list[Item], list[Item]]:
    """Tell small files, which travel side by side, from large ones, of which the parts do."""
    small: list[Item] = []
    large: list[Item] = []
    for file in files:
        (large if file.size > PART else small).append(file)
    return small, large


class Going(NamedTuple):
    """An upload. kept: what is sent stays if it breaks off. found: an earlier process began it."""

    upload: str
    kept: bool = False
    found: bool = False

    def resumes(self, file: Sized) -> bool:
        """Tell whether to look what is there of a file before it is sent; of a new upload, no small file is."""
        return self.kept and (self.found or file.size > PART)


@contextmanager
def upload_id(store: Store, model: str, files: SourceTree, new: Callable[[], str]) -> Iterator[Going]:
    """Yield the name of the upload to go on with, or of a new one.

    That is the one that an earlier process began for these very files (by place, size and time of change) and did not
    finish, else a new one. What it had sent is checked by the store, not trusted. The note is removed in the end,
    unless the upload breaks off in a way that is worth going on from.
    """
    if not is_resumed(store, files.size):
        yield Going(new())
        return
    try:
        note = _note(store, model, files)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.open("ab").close()
    except OSError:  # no home, a full disk, or a file that is gone: whoever reads it says so better
        yield Going(new())
        return
    with held(note) as file:
        if file is None:  # another process is at it
            yield Going(new())
            return
        upload = file.read().decode(errors="replace")
        found = layout.upload_started(upload) is not None
        if not found:
            upload = new()
            file.truncate(0)
            file.write(upload.encode())
            file.flush()
        try:
            yield Going(upload, kept=True, found=found)
        except BaseException as error:
            if not is_worth_keeping(error):
                _forget(note, file)
            raise
        _forget(note, file)


def _note(store: Store, model: str, files: SourceTree) -> Path:
    seen = [[file.path, str(file.location), file.size, str(file.location.stat().st_mtime_ns)] for file in files.files]
    name = sha256_of(encode({"registry": store.url, "model": model, "files": seen}))
    return cache_folder() / "uploads" / name


def _forget(note: Path, file: BinaryIO) -> None:
    with suppress(OSError):
        file.truncate(0)  # Windows does not remove what is open
        note.unlink()
