"""A file on its way up: kept in memory while it is small, and sent in parts, several at once, when it is not."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from modelreg.digest import CHUNK, Piece
from modelreg.store.bucket import PART, PARTS

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Sent = TypeVar("Sent")


class Parts(Generic[Sent]):
    """Cuts what is written into parts and hands each to `send`, with its number from 1, in a thread.

    begin: called once, before the first part, and never for a file that fits into one. Writing waits while as many
    parts are under way as memory is meant to hold.
    """

    def __init__(
        self, size: int, begin: Callable[[], None], send: Callable[[int, bytes], Sent], width: int = PARTS
    ) -> None:
        self.size = size
        self._width = max(2, width * PART // max(size, PART))
        self._begin = begin
        self._send = send
        self._chunks: list[bytes] = []
        self._held = 0
        self._number = 0
        self._pending: deque[Future[Sent]] = deque()
        self._sent: list[Sent] = []

    @property
    def begun(self) -> bool:
        """Whether the file is too large for one request."""
        return self._number > 0

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if self._held and self._held + len(chunk) > self.size:
            self._flush()
        self._chunks.append(chunk)
        self._held += len(chunk)

    def whole(self) -> bytes:
        """Return the file, where it has not begun to be sent."""
        return b"".join(self._chunks)

    def finish(self) -> list[Sent]:
        """Send what is left; return what `send` returned for each part, in order."""
        self._flush()
        while self._pending:
            self._sent.append(self._pending.popleft().result())
        self._pool.shutdown()
        return self._sent

    def abandon(self) -> None:
        """Send nothing more; return once nothing is under way."""
        if self.begun:
            self._pool.shutdown(cancel_futures=True)

    @cached_property
    def _pool(self) -> "ThreadPoolExecutor":
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(self._width)

    def _flush(self) -> None:
        if not self.begun:
            self._begin()
        self._number += 1
        self._pending.append(self._pool.submit(self._join_and_send, self._number, self._chunks))
        self._chunks, self._held = [], 0
        if len(self._pending) >= self._width:
            self._sent.append(self._pending.popleft().result())

    def _join_and_send(self, number: int, chunks: list[bytes]) -> Sent:
        data = b"".join(chunks)
        chunks.clear()
        return self._send(number, data)


def part_size(source: Path, most: int) -> int:
    """Return how large the parts of a file must be, for there to be at most as many as a service takes."""
    try:
        size = source.stat().st_size
    except OSError:  # whoever reads it says so better
        size = 0
    return max(PART, -(-size // (most * CHUNK)) * CHUNK)


def cut(data: bytes) -> Iterator[Piece]:
    """Yield bytes in pieces of a MiB, without copying them."""
    if len(data) <= CHUNK:
        yield data
        return
    view = memoryview(data)
    for start in range(0, len(data), CHUNK):
        yield view[start : start + CHUNK]
