"""A large file on its way down: ranges of it, several at once, each written where it belongs."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from threading import Event
from typing import TypeAlias

from modelreg.digest import CHUNK, Piece
from modelreg.errors import StoreError
from modelreg.parallel import ahead
from modelreg.store.bucket import ARRIVING, PART

PIECE = CHUNK // 4
"""How much is read and written at a time: so little that it is still in the processor's cache when it is written."""

_LARGEST = 4 * PART

Part: TypeAlias = tuple[int, Callable[[], Generator[Piece, None, None]]]
"""Where some bytes of a file begin, and what asks for them."""


class _AbandonedError(Exception):
    """A part is no longer wanted."""


class Arrival:
    """A file that is written to at several places at once. progress: told of each piece's length, from any thread."""

    def __init__(self, target: int, progress: Callable[[int], None]) -> None:
        self._target = target
        self._progress = progress
        self._over = Event()
        self._failure: BaseException | None = None

    def write(self, part: Part) -> int:
        """Write the bytes of one part; return where they end."""
        offset, ask = part
        try:
            with closing(ask()) as pieces:  # so that its connection is closed, where it breaks off
                for piece in pieces:
                    self._put(piece, offset)
                    offset += len(piece)
                    self._progress(len(piece))
        except BaseException as error:
            if not isinstance(error, _AbandonedError):
                self._failure = self._failure or error
            self._over.set()
            raise
        return offset

    def write_all(self, parts: Iterable[Part]) -> Generator[int, None, None]:
        """Write parts that follow each other, several at once; yield the end of each, in order.

        It ends with the first part that ends before the next one begins. Where one fails, all others are abandoned,
        and its failure is raised.
        """
        reached = None
        try:
            with closing(ahead(lambda part: (part[0], self.write(part)), parts, ARRIVING, self._over.set)) as written:
                for start, end in written:
                    if reached not in (None, start):
                        return
                    reached = end
                    yield end
        except _AbandonedError:
            raise self._failure or StoreError("the file is no longer wanted") from None

    def _put(self, piece: Piece, offset: int) -> None:
        view = memoryview(piece)
        while view:
            if self._over.is_set():  # the file may be closed by now
                raise _AbandonedError
            done = os.pwrite(self._target, view[:PIECE], offset)
            view = view[done:]
            offset += done


def ranges(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where the ranges begin and end that are to be asked for.

    They are large, as each request costs time, and become smaller towards the end, so that all are done at once.
    """
    while start < end:
        size = (end - start) // (3 * ARRIVING * PART) * PART
        stop = min(start + min(max(size, PART), _LARGEST), end)
        yield start, stop
        start = stop
