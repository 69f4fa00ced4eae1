"""One layer of an image, read as a stream: what it adds, hides and links, and the few files that are kept of it."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, NamedTuple, cast

from modelreg.errors import IntegrityError, ModelregError, UsageError
from modelreg.image.document import Descriptor
from modelreg.image.kept import MAX_KEPT, reader_of
from modelreg.image.source import ImageSource, verified

FILE, FOLDER, LINK, HARD_LINK, HIDDEN, OPAQUE = "file", "folder", "link", "hard link", "hidden", "opaque"

_WHITEOUT, _OPAQUE, _RESERVED = ".wh.", ".wh..wh..opq", ".wh..wh."
_MAX_ENTRIES = 5_000_000
_MAX_KEPT_IN_ALL = 1024 * 1024 * 1024
_MAX_HEADER = 1024 * 1024
_MAX_PATH = 4096  # characters
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class Entry(NamedTuple):
    """One thing that a layer says of a path, which is relative to the root and has no `..`.

    kind: `file` (data: what is kept of it, as Latin-1, or None), `folder`, `link` (data: its target as written),
    `hard link` (data: the path of the other name), `hidden` (it is removed) or `opaque` (what lower layers have in this
    folder is removed).
    """

    kind: str
    path: str
    data: str | None = None


def read_layer(source: ImageSource, layer: Descriptor, count: Callable[[int], object] | None = None) -> list[Entry]:
    """Read a layer, and verify it; nothing of it is written anywhere.

    count: told how many bytes came in.

    Raises:
        IntegrityError: it is damaged, is no tar, or is made to do harm.
        NotFoundError, AccessDeniedError, ImageRegistryError: it cannot be had.
    """
    entries = _read(source, layer, count, frozenset())
    # What is kept may be another name of something that looked as if nobody needed it; where it is, look again.
    held = {entry.path for entry in entries if entry.data is not None}
    wanted = frozenset(
        entry.data
        for entry in entries
        if entry.kind == HARD_LINK and entry.data and entry.data not in held and reader_of(entry.path, 1)
    )
    named = {entry.path for entry in entries if entry.kind == FILE}
    return _read(source, layer, None, wanted & named) if wanted & named else entries


def _read(
    source: ImageSource, layer: Descriptor, count: Callable[[int], object] | None, also: frozenset[str]
) -> list[Entry]:
    stream = _Stream(verified(source, layer), count)
    try:
        with tarfile.open(fileobj=_plain(stream), mode="r|", tarinfo=_Member, errorlevel=0) as archive:
            entries = list(_entries(archive, also))
        while stream.read(io.DEFAULT_BUFFER_SIZE * 16):
            """What comes after the archive's end belongs to what the digest is of."""
    except ModelregError:
        raise
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError, RecursionError) as error:
        with suppress(EOFError):
            while stream.read(io.DEFAULT_BUFFER_SIZE * 16):
                """A wrong digest says more than what came of it."""
        raise IntegrityError(
            f"{source.name}: the layer {layer.digest} is no archive that can be read: {error}"
        ) from None
    return entries


def _entries(archive: tarfile.TarFile, also: frozenset[str]) -> Iterator[Entry]:
    kept = 0
    for number, member in enumerate(archive):
        archive.members.clear()  # type: ignore[attr-defined]  # else it remembers each of them
        if number >= _MAX_ENTRIES:
            raise IntegrityError(f"a layer has more than {_MAX_ENTRIES:,} entries")
        path = inside(member.name)
        if path is None:
            continue
        entry = _entry(archive, member, path, also)
        kept += len(entry.data or "")
        if kept > _MAX_KEPT_IN_ALL:
            raise IntegrityError("a layer holds more metadata of packages than any image has")
        yield entry


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, also: frozenset[str]) -> Entry:
    folder, _, name = path.rpartition("/")
    if name == _OPAQUE:
        return Entry(OPAQUE, folder)
    if name.startswith(_WHITEOUT):
        # What begins with both is a note of an old engine to itself.
        hidden = None if name.startswith(_RESERVED) else inside(f"{folder}/{name.removeprefix(_WHITEOUT)}")
        return Entry(HIDDEN, hidden or path)
    if member.isdir():
        return Entry(FOLDER, path)
    if member.issym():
        return Entry(LINK, path, member.linkname[:_MAX_PATH])
    if member.islnk():
        return Entry(HARD_LINK, path, inside(member.linkname))
    reader = reader_of(path, member.size) if member.isreg() else None
    if path in also and member.size <= MAX_KEPT:
        reader = _whole
    file = archive.extractfile(member) if reader else None
    return Entry(FILE, path, reader(file).decode("latin-1") if reader and file else None)


def inside(path: str) -> str | None:
    """Return a path from the root; None where it is the root, leads out of it, or is longer than Linux allows."""
    if len(path) > _MAX_PATH:
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return None if not parts or ".." in parts else "/".join(parts)


def _whole(file: IO[bytes]) -> bytes:
    return file.read()


class _Member(tarfile.TarInfo):
    """A header that claims no more than memory has room for: tarfile reads a long name at once, however long."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Member":
        member = super().frombuf(buf, encoding, errors)
        if member.type in _HEADERS and member.size > _MAX_HEADER:
            raise tarfile.ReadError("a header is larger than any name")
        return member


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file that is read once, from its beginning."""

    def __init__(self, pieces: Iterator[bytes], count: Callable[[int], object] | None) -> None:
        self._pieces = pieces
        self._count = count
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def peek(self, size: int) -> bytes:
        """Return what the next `size` bytes are, and leave them."""
        while len(self._rest) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._tell(piece)
            self._rest = memoryview(bytes(self._rest) + piece)
        return bytes(self._rest[:size])

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        if not self._rest:
            piece = next(self._pieces, b"")
            self._tell(piece)
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _tell(self, piece: bytes) -> None:
        if self._count is not None:
            self._count(len(piece))


def _plain(stream: _Stream) -> IO[bytes]:
    """Return a layer without its compression, whatever it is said to be."""
    magic = stream.peek(4)
    buffered = io.BufferedReader(stream, io.DEFAULT_BUFFER_SIZE * 16)
    if magic.startswith(_GZIP):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=buffered))
    if magic != _ZSTD:
        return buffered
    try:
        import zstandard
    except ImportError:
        raise UsageError("a layer is compressed with zstd; install modelreg[images], which can read it") from None

    reader: IO[bytes] = zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True)
    return reader
