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
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

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
        first = submission(paths[0], "fraud", captured=CAPTURE)
        drafts = [first.draft._replace(tags={"content": path.name}) for path in paths]
        self.submissions = [
            first._replace(files=find_source(path), draft=draft) for path, draft in zip(paths, drafts, strict=True)
        ]
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


class Children:
    """Processes that play the parts, and that are ended, by their ids, when the block is left."""

    def __init__(self, crowd: Crowd, parts: Sequence[Callable[[random.Random, Tell], None]]) -> None:
        self.running: list[int] = []
        self._crowd = crowd
        self._parts = parts

    def __enter__(self) -> Self:
        """Start them."""
        for me, part in enumerate(self._parts):
            child = os.fork()
            if child == 0:
                _play(part, random.Random(f"{self._crowd.seed}-{me}"))
            self.running.append(child)
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        for child in self.running:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def send(self, child: int, number: int) -> None:
        """Send a signal, unless the child was found to have ended."""
        if child in self.running:
            os.kill(child, number)

    def any_of(self, children: Sequence[int]) -> bool:
        """Tell whether one of these is still running."""
        self.running = [child for child in self.running if os.waitpid(child, os.WNOHANG) == (0, 0)]
        return not set(self.running).isdisjoint(children)


def _play(part: Callable[[random.Random, Tell], None], chance: random.Random) -> None:
    code = 1
    try:
        part(chance, _tell)
        code = 0
    except BaseException as error:  # noqa: BLE001  # its traceback would be lost in the crowd
        _tell(failed=part.__name__, why=repr(error))
    finally:
        os._exit(code)


def _tell(**what: object) -> None:
    os.write(1, f"{json.dumps(what)}\n".encode())  # one write, so that lines of many do not mix


def main(root: Path, folder: Path, registers: int, seed: int) -> None:
    """Let all of them work, stopped and continued at random, until the writers are done."""
    crowd, chance = Crowd(root, folder, registers, seed), random.Random(seed)
    parts = [*[crowd.write] * WRITERS, crowd.delete, crowd.restore, crowd.collect, crowd.collect]
    with Children(crowd, parts) as children:
        writers = tuple(children.running[:WRITERS])
        stopped: list[int] = []
        while children.any_of(writers):
            awake = [child for child in children.running if child not in stopped]
            if len(stopped) < STOPPED and awake and chance.random() < 0.5:
                stopped.append(chance.choice(awake))
                children.send(stopped[-1], signal.SIGSTOP)
            elif stopped:
                children.send(stopped.pop(chance.randrange(len(stopped))), signal.SIGCONT)
            time.sleep(chance.uniform(0, 0.01))
        for child in stopped:
            children.send(child, signal.SIGCONT)
        crowd.ended.touch()
        while children.any_of(children.running):
            time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
