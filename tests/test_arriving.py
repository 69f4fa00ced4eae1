"""A large file that arrives in ranges, several at once: failures are said, and nobody waits for what nobody wants."""

import os
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from modelreg.errors import AccessDeniedError
from modelreg.store.arriving import Arrival, Part

Pieces: TypeAlias = Generator[bytes, None, None]


@pytest.fixture
def target(tmp_path: Path) -> Iterator[int]:
    file = os.open(tmp_path / "target", os.O_RDWR | os.O_CREAT)
    yield file
    os.close(file)


def test_a_range_that_fails_is_said_and_not_taken_for_the_end_of_the_file(target: int) -> None:
    """The ranges before it are on their way, and would be short once they are no longer wanted."""
    failed = threading.Event()

    def slow() -> Pieces:
        yield b"ab"
        assert failed.wait(30)
        yield b"cd"

    def failing() -> Pieces:
        yield b"ij"
        try:
            raise AccessDeniedError("the credentials have expired")
        finally:
            threading.Timer(0.2, failed.set).start()

    parts: list[Part] = [(0, slow), (4, slow), (8, failing)]
    with pytest.raises(AccessDeniedError, match="have expired"):
        list(Arrival(target, lambda _: None).write_all(parts))


def test_a_range_that_is_short_ends_it(target: int) -> None:
    def of(data: bytes) -> Callable[[], Pieces]:
        return lambda: (data[at : at + 1] for at in range(len(data)))

    parts: list[Part] = [(0, of(b"abcd")), (4, of(b"ef")), (8, of(b"ijkl"))]
    assert list(Arrival(target, lambda _: None).write_all(parts)) == [4, 6]


def test_whoever_wants_no_more_does_not_wait_for_whole_ranges(target: int) -> None:
    """As after Ctrl-C: what is under way stops at its next piece, though it is not the next in turn."""
    begun = threading.Event()

    def endless() -> Pieces:
        while True:
            yield b"x"

    def second() -> Pieces:
        begun.set()
        yield from endless()

    def first() -> Pieces:
        assert begun.wait(30)
        yield b"ab"

    parts: list[Part] = [(0, first), (2, second), (1 << 30, endless)]
    arriving = Arrival(target, lambda _: None).write_all(parts)
    assert next(arriving) == 2
    arriving.close()  # which waits for those at work, and would wait for ever
    assert os.fstat(target).st_size > 2
