"""Running a command line: the one place where errors become a sentence and an exit code."""

import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TextIO

from modelreg.cli import plain
from modelreg.cli.commands import COMPLETION
from modelreg.cli.output import say
from modelreg.errors import ModelregError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Why an answer cannot be written to where stdout leads."""


class _Interrupted(BaseException):
    """Ctrl-C or a request to end; no Exception, which what is done may answer itself."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def main(arguments: list[str]) -> int:
    """Run a command line; return its exit code, as README.md lists them."""
    sentence, code = _run(arguments)
    _signal(signal.SIG_DFL)  # nothing is left to be put right
    if sentence is not None:
        say(f"error: {sentence}")
    _leave_streams()
    return code


def _run(arguments: list[str]) -> tuple[str | None, int]:
    """Return what is to be said of an error, and the exit code."""
    try:
        _signal(_interrupt)
        _prepare_streams()
        _read(arguments)()
    except SystemExit as end:
        return None, end.code if isinstance(end.code, int) else 1
    except (_Interrupted, Exception) as error:  # noqa: BLE001  # the last line of defence: a sentence, not a traceback
        if os.environ.get("MODELREG_DEBUG"):
            # Imported here: it is for those who look for a fault.
            import traceback

            traceback.print_exc()
        return _said(error)
    return None, 0


def _read(arguments: list[str]) -> Callable[[], None]:
    asked = None if COMPLETION in os.environ else plain.read(arguments)
    if asked is not None:
        return asked
    # Imported here: Typer takes longer to load than most commands take.
    from modelreg.cli import app

    return app.read(arguments)


def _prepare_streams() -> None:
    """Make it possible to print anything, anywhere: a closed stream swallows it, a narrow encoding escapes it.

    What is read from a closed stream has ended.
    """
    for name in ("stdin", "stderr", "stdout"):
        stream = getattr(sys, name)
        if stream is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # for good
        elif name != "stdin" and isinstance(_raw(stream), io.FileIO):
            setattr(sys, name, _waiting(stream))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _raw(stream: TextIO) -> object:
    """Return what a stream writes to in the end. Told not to buffer, Python puts nothing between the two."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


class _Waiting(io.FileIO):
    """A file that waits where it is set not to block and cannot take more, as a pipe that node or a supervisor gives.

    Whoever has the same pipe may set that at any time, so it is not asked for beforehand.
    """

    def write(self, data: "ReadableBuffer") -> int:
        """Write some of the data, or all; the caller sees to the rest."""
        while True:
            # Typeshed has no None here, which is what stands for a file that would block.
            count: int | None = super().write(data)
            if count is not None:
                return count
            # Imported here: few files are set so.
            import select

            select.select((), (self.fileno(),), ())


def _waiting(stream: TextIO) -> TextIO:
    """Return a stream to the same place that writes all it is given; it buffers even where Python was told not to."""
    file = io.BufferedWriter(_Waiting(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(
        file, encoding=stream.encoding, errors="backslashreplace", line_buffering=bool(stream.line_buffering)
    )


def _leave_streams() -> None:
    """Let what could not be written go nowhere when Python flushes it, which would add noise and a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _said(error: BaseException) -> tuple[str, int]:
    if isinstance(error, ModelregError):
        return str(error), error.exit_code
    if isinstance(error, _Interrupted):
        return "interrupted; nothing is left half-done", error.exit_code
    if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:
        return f"the answer cannot be written: {error.strerror}", 1
    return f"a fault of modelreg itself, {type(error).__name__}: {error}; see it with modelreg --debug", 1


def _signal(handler: "Callable[[int, object], NoReturn] | signal.Handlers") -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _interrupt(number: int, _: object) -> NoReturn:
    raise _Interrupted(number)
