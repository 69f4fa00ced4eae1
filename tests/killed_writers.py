"""Registers again and again in children that are killed at random moments; run by test_crash.py.

Arguments: the registry's folder, the folder to register, how many kills, the seed. Prints one line of JSON a run.
"""

import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

from modelreg import Capture, Environment, Platform, Python, Registry

CAPTURE = Capture(Environment(Python("3.11.7", "cpython"), Platform("linux", "x86_64")), "venv", "/somewhere")
UNTOUCHED = 5
"""Runs before the first kill, which show how long one takes."""


def register(root: str, folder: Path, run: int, answer: int) -> None:
    """What a child does: it lives until it has registered, or is killed."""
    code = 1
    try:
        registered = Registry.open(root).register(folder, "fraud", capture=CAPTURE, tags={"run": str(run)})
        os.write(answer, b"%d" % registered.version.number)
        code = 0
    finally:
        os._exit(code)


def start(root: str, folder: Path, run: int) -> tuple[int, int]:
    """Return the process id of a child, and where it answers."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        register(root, folder, run, writer)
    os.close(writer)
    return child, reader


def main(root: str, folder: Path, kills: int, seed: int) -> None:
    """Run the children one after another."""
    chance = random.Random(seed)
    mark = bytes(16)
    span = 0.0
    for run in range(UNTOUCHED + kills):
        if run % 3:  # each third run finds its bytes in the registry already, if the one before came that far
            mark = chance.randbytes(16)
        with (folder / "weights-0").open("r+b") as file:
            file.write(mark)
        began = time.monotonic()
        child, answer = start(root, folder, run)
        if run >= UNTOUCHED:
            # Until then, or until the child is done: its end of the pipe is closed when it ends.
            select.select([answer], [], [], chance.uniform(0, span))
            os.kill(child, signal.SIGKILL)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        # How long a run takes depends on what else the disk has to do; three out of four should be killed.
        span = max(span, time.monotonic() - began) if run < UNTOUCHED else span * (1.03 if killed else 0.91)
        line = {"run": run, "mark": mark.hex(), "killed": killed, "acknowledged": os.read(answer, 100).decode()}
        os.close(answer)
        sys.stdout.write(f"{json.dumps(line)}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
