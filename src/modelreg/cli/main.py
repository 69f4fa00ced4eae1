"""Running a command line: the one place where errors become a sentence and an exit code."""

import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO

from modelreg.cli import plain
from modelreg.cli.commands import COMPLETION
from modelreg.cli.output import say
from modelreg.errors import ModelregError

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
        elif isinstance(getattr(stream, "buffer", None), io.RawIOBase):
            # Python was told not to buffer, and says nothing where only a part of what it writes is taken.
            setattr(sys, name, _buffered(stream))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _buffered(stream: TextIO) -> TextIO:
    return open(stream.fileno(), "w", encoding=stream.encoding, errors="backslashreplace", closefd=False)


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
