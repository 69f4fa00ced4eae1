"""docs/protocol.md in the real code: register, delete, restore, gc and the aliases, in thousands of orders of operations.

Each schedule has a seed; MODELREG_TEST_SEED=<seed> runs from that one on.
"""

import os
import random
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from schedules import Schedule
from scheduled_actors import (
    Actor,
    Collects,
    Deletes,
    Points,
    PointsAndDies,
    Registers,
    Restores,
    RollsBack,
    Submissions,
    World,
    deletion,
    move,
    version,
)

from modelreg import Capture, layout
from modelreg.registry import alias, gc, ledger, register, settle
from modelreg.registry import delete as deleting
from modelreg.registry.model import ModelReader
from modelreg.registry.submit import submission
from modelreg.store import Store

SCHEDULES = 3000 if os.environ.get("MODELREG_TEST_EXHAUSTIVE") else 400
"""How many of each scenario."""
BUDGET = 5000
"""In how many schedules a fault that was made must be found."""


class Scenario(NamedTuple):
    """before: who comes first, one after the other. actors: who works at the same time."""

    before: tuple[Actor, ...]
    actors: tuple[Actor, ...]


REGISTERED = (Registers(0),)
POINTED = (Registers(0), Registers(1), Points(1))

SCENARIOS = {
    "two writers of the same bytes": Scenario((), (Registers(0), Registers(0), Collects())),
    "two writers and two collectors": Scenario((), (Registers(0), Registers(1), Collects(), Collects(1))),
    "sharing what is deleted": Scenario(
        REGISTERED, (Registers(0), Registers(0), Deletes(1), Collects(), Collects(after=deletion(1)))
    ),
    "sharing what is restored": Scenario(
        REGISTERED, (Registers(0), Deletes(1), Restores(1, deletion(1)), Collects(), Collects(after=deletion(1)))
    ),
    "a restorer": Scenario(REGISTERED, (Deletes(1), Restores(1, deletion(1)), Collects())),
    "two restorers": Scenario(
        REGISTERED, (Deletes(1), Restores(1, deletion(1)), Restores(1, deletion(1)), Collects(after=deletion(1)))
    ),
    "two deleters and a restorer": Scenario(
        REGISTERED, (Deletes(1), Deletes(1), Restores(1, deletion(1)), Collects(after=deletion(1, 3)))
    ),
    "finding what another registers": Scenario(
        (), (Registers(0), Registers(0, if_changed=True, after=version(1)), Collects())
    ),
    "restoring what another registers": Scenario((), (Registers(0), Restores(1, version(1)), Collects())),
    "pointing at what another registers": Scenario((), (Registers(0), Points(1, version(1)), Collects())),
    "pointing at what is deleted": Scenario(POINTED, (Points(2), Deletes(2), Collects(after=deletion(2)))),
    "pointing from and to what is deleted": Scenario(POINTED, (Points(2), Deletes(1, move(2)), Deletes(2))),
    "pointing where it points already": Scenario(POINTED, (Points(2), PointsAndDies(2), Deletes(2))),
    "rolling back to what is deleted": Scenario(
        (*POINTED, Points(2)), (RollsBack(), Deletes(1), Restores(1, deletion(1)), Collects(after=deletion(1)))
    ),
    "all at once": Scenario(
        POINTED,
        (Registers(0), Points(2), RollsBack(), Deletes(1, move(2)), Deletes(2), Restores(1), Restores(2), Collects(), Collects()),
    ),
}


@pytest.fixture
def submissions(tmp_path: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch) -> Submissions:
    """Two models of two files each. Ops are numbered, so that a seed decides everything."""
    ops = count(1)
    for module in (ledger, register):
        monkeypatch.setattr(module, "new_op", lambda: f"{next(ops):032x}")
    submitted = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("weights", "vocabulary"):
            (folder / file).write_text(name * len(file))
        submitted.append(submission(folder, "fraud", None, captured, None, None, None, ""))
    return submitted


def fault_of(scenario: Scenario, seed: int, submissions: Submissions) -> str | None:
    world = World(submissions)
    for actor in scenario.before:
        world.run(Schedule.undisturbed(), [actor])
    world.run(Schedule(seed), scenario.actors)
    return world.find_fault()


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
def test_in_whatever_order_nothing_that_was_promised_is_lost(scenario: Scenario, submissions: Submissions) -> None:
    start = int(os.environ.get("MODELREG_TEST_SEED") or random.randrange(2**32))
    for seed in range(start, start + SCHEDULES):
        fault = fault_of(scenario, seed, submissions)
        assert fault is None, f"{fault}; run it again with MODELREG_TEST_SEED={seed}"
