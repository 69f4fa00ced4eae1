"""Writers, a deleter, a restorer and two collectors on one folder, stopped and continued; run by test_gc_stress.py.

Arguments: the registry's folder, the folder of files to register, how many registers, the seed. Prints one line of JSON
for each thing that was acknowledged or refused.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from modelreg import Capture, Environment, ModelregError, NotFoundError, Platform, Python, Registry, StoreError
from modelreg.files import find_source
from modelreg.registry.delete import delete, restore
from modelreg.registry.model import ModelReader
from modelreg.registry.register import register
from modelreg.registry.submit import submission
from modelreg.store.local import LocalStore

CAPTURE = Capture(Environment(Python("3.11.7", "cpython"), Platform("linux", "x86_64")), "venv", "/somewhere")
WRITERS = 8
LATE = 20
"""How many of the last versions are deleted and restored."""
STOPPED = 6
"""How many are stopped at a time, at most."""

Tell = Callable[..., None]


class Crowd:
    """What all of them share; each lives in a process of its own."""

    def __init__(self, root: Path, folder: Path, registers: int, seed: int) -> None:
        self.store = LocalStore(root)
        paths = sorted(folder.iterdir())
        first = submission(paths[0], "fraud", None, CAPTURE, None, None, None, "")
        self.submissions = [replace(first, files=find_source(path), tags={"content": path.name}) for path in paths]
        self.registers = registers
        self.seed = seed
        self.ended = root.with_name(f"{root.name}-ended")

    def write(self, chance: random.Random, tell: Tell) -> None:
        """Register the contents one after the other, as all writers do; a register that is refused does not count."""
        registers = self.registers // WRITERS
        left = registers
        while left:
            place = round(len(self.submissions) * (1 - left / registers) + chance.uniform(-1, 1))
            submitted = self.submissions[max(0, min(place, len(self.submissions) - 1))]
            try:
                registered = register(self.store, submitted)
            except StoreError as error:
                tell(refused="register", why=str(error))
            else:
                version = registered.version
                tell(registered=version.number, content=version.record.tags["content"], uploaded=registered.uploaded)
                left -= 1

    def delete(self, chance: random.Random, tell: Tell) -> None:
        """Delete all versions that share some late version's files."""
        while not self.ended.exists():
            reader = ModelReader(self.store, "fraud")
            late = {number: reader.record(number)[0].artifact.upload for number in reader.numbers[-LATE:]}
            chosen = chance.choice([*late.values(), None])
            for number in (number for number, upload in late.items() if upload == chosen):
                try:
                    delete(self.store, reader.again().version(number), "deleter", why="stress")
                except ModelregError as error:
                    tell(refused="delete", why=str(error))
                else:
                    tell(deleted=number)
            time.sleep(chance.uniform(0, 0.02))

    def restore(self, chance: random.Random, tell: Tell) -> None:
        """Restore late versions; most of them are not deleted, or are collected already."""
        while not self.ended.exists():
            for number in ModelReader(self.store, "fraud").numbers[-LATE:]:
                try:
                    restore(self.store, "fraud", number, "restorer", why="stress")
                except NotFoundError:
                    tell(collected=number)
                except ModelregError as error:
                    tell(refused="restore", why=str(error))
                else:
                    tell(restored=number)
                time.sleep(chance.uniform(0, 0.02))

    def collect(self, chance: random.Random, tell: Tell) -> None:
        """Collect without a grace, without a break."""
        registry = Registry(self.store)
        while not self.ended.exists():
            collected = registry.gc(apply=True, grace=timedelta(0))
            tell(freed=len(collected.garbage))


@contextmanager
def played(crowd: Crowd, parts: Sequence[Callable[[random.Random, Tell], None]]) -> Iterator[list[int]]:
    """Start a process for each part, and see to it that all are ended in the end; yield their ids."""
    children: list[int] = []
    try:
        for me, part in enumerate(parts):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    part(random.Random(f"{crowd.seed}-{me}"), _tell)
                    code = 0
                except BaseException as error:  # noqa: BLE001  # its traceback would be lost in the crowd
                    _tell(failed=part.__name__, why=repr(error))
                finally:
                    os._exit(code)
            children.append(child)
        yield children
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _tell(**what: object) -> None:
    os.write(1, f"{json.dumps(what)}\n".encode())  # one write, so that lines of many do not mix


def disturb(chance: random.Random, children: list[int], until: Callable[[], bool]) -> None:
    """Stop and continue the children at random."""
    stopped: list[int] = []
    while not until():
        if len(stopped) < STOPPED and chance.random() < 0.5:
            child = chance.choice([child for child in children if child not in stopped])
            stopped.append(child)
            os.kill(child, signal.SIGSTOP)
        elif stopped:
            os.kill(stopped.pop(chance.randrange(len(stopped))), signal.SIGCONT)
        time.sleep(chance.uniform(0, 0.01))
    for child in stopped:
        os.kill(child, signal.SIGCONT)


def has_ended(child: int) -> bool:
    """Tell whether a child has ended, without taking its id from the system."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def main(root: Path, folder: Path, registers: int, seed: int) -> None:
    """Let all of them work until the writers are done."""
    crowd = Crowd(root, folder, registers, seed)
    parts = [*[crowd.write] * WRITERS, crowd.delete, crowd.restore, crowd.collect, crowd.collect]
    with played(crowd, parts) as children:
        writers, others = children[:WRITERS], children[WRITERS:]
        disturb(random.Random(seed), children, lambda: all(map(has_ended, writers)))
        crowd.ended.touch()
        while not all(map(has_ended, others)):
            time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
