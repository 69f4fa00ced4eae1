"""A terminal, as a person sits at: what a command prints there, colours and all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def on_terminal(
    *arguments: str,
    columns: int = 80,
    cwd: Path | None = None,
    typed: str = "",
    program: tuple[str, ...] = ("-m", "modelreg"),
    **variables: str,
) -> str:
    """Run the command line with both streams on a terminal, and return what it shows; the test is skipped on Windows.

    typed: what the person types, with its line ends. program: what Python runs instead of the command line.
    The line ends of what is returned are those of a file.
    """
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals in Python's library")
    import fcntl
    import select
    import struct
    import termios

    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, *program, *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env={**environ, "TERM": "xterm-256color", **variables},
    )
    os.write(master, typed.encode())
    shown = bytearray()
    ended = False
    while not ended:  # and the terminal stays open until then: on a busy machine its last words are lost otherwise
        ended = process.poll() is not None
        while select.select([master], [], [], 0.02)[0]:
            shown += os.read(master, 65536)
    for end in (master, slave):
        os.close(end)
    assert process.returncode >= 0, f"ended by signal {-process.returncode}"
    return shown.decode().replace("\r\n", "\n")


def plain(shown: str) -> list[str]:
    """Return the lines of what a terminal shows, without colours."""
    import re

    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*[a-zA-Z]", "", shown).splitlines()]
