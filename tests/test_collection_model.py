"""Every interleaving of the protocol in docs/protocol.md, as far as a handful of actors can go."""

import os
from typing import NamedTuple

import pytest
from alias_actors import CarefulDeleter, Mover
from collection_actors import Collector, Deleter, Finder, Restorer, Writer
from collection_model import Scenario, Without, explore

exhaustive = pytest.mark.skipif(
    "MODELREG_TEST_EXHAUSTIVE" not in os.environ, reason="takes a quarter of a minute; set MODELREG_TEST_EXHAUSTIVE=1"
)


class Case(NamedTuple):
    """A scenario, and how many states it has: if it has fewer one day, something is not looked at any more."""

    states: int
    scenario: Scenario


CASES = {
    "two writers, a collector": Case(5_101, Scenario((Writer(0), Writer(1), Collector(1)), 2)),
    "a writer, two collectors": Case(3_254, Scenario((Writer(0), Collector(0), Collector(1)))),
    "a restorer, two collectors": Case(
        37_982, Scenario((Writer(0), Deleter(0), Restorer(0), Collector(0), Collector(1)))
    ),
    "two deleters, two restorers": Case(
        132_282, Scenario((Writer(0), Deleter(0), Restorer(0), Restorer(0), Deleter(0), Collector(0)))
    ),
    "sharing what is restored": Case(
        83_916, Scenario((Writer(0), Writer(1), Deleter(0), Restorer(0), Collector(0)), 2)
    ),
    "sharing what is deleted, two collectors": Case(
        707_963, Scenario((Writer(0), Writer(1), Deleter(0), Collector(0), Collector(1)), 2)
    ),
    "three writers": Case(310_017, Scenario((Writer(0), Writer(1), Writer(2), Collector(0)), 3)),
    "finding what another registers": Case(681, Scenario((Writer(0), Finder(0), Collector(0)))),
    "piece by piece, sharing": Case(
        6_579,
        Scenario((Writer(1), Deleter(0), Restorer(0), Deleter(1), Restorer(1), Collector(piecemeal=True)), 2, 0, 1),
    ),
    "piece by piece, three versions": Case(
        48_700, Scenario((Writer(2), Deleter(0), Restorer(0), Deleter(1), Collector(piecemeal=True)), 3, 1, 2)
    ),
    "pointing at what another registers": Case(239, Scenario((Writer(1), Mover(1), Collector(0)), 2, 0, 1, 0)),
    "pointing at what is deleted": Case(455, Scenario((Mover(1), CarefulDeleter(1), Collector(0)), 2, 0, 2, 0)),
    "pointing from and to what is deleted": Case(
        63_753,
        Scenario((Mover(1), CarefulDeleter(0), CarefulDeleter(1), Restorer(1), Collector(piecemeal=True)), 2, 0, 2, 0),
    ),
    "pointing where it points already": Case(
        7_980, Scenario((Mover(1), Mover(1), CarefulDeleter(1), Collector(piecemeal=True)), 2, 0, 2, 0)
    ),
    "pointing to and fro": Case(
        72_674, Scenario((Mover(1), Mover(0), CarefulDeleter(1), CarefulDeleter(0), Collector(0)), 2, 0, 2, 0)
    ),
}
LARGEST = max(CASES, key=lambda name: CASES[name].states)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=name, marks=exhaustive if name == LARGEST else ()) for name, case in CASES.items()]
)
def test_nothing_that_was_promised_is_lost_in_any_order(case: Case) -> None:
    assert explore(case.scenario) == (case.states, None)


def test_a_million_and_a_half_states_are_looked_at() -> None:
    assert sum(case.states for case in CASES.values()) > 1_480_000


LEFT_OUT = {
    Without.SETTLING: "two writers, a collector",
    Without.SETTLING_WHEN_FOUND: "finding what another registers",
    Without.SETTLING_WHEN_RESTORED: "a restorer, two collectors",
    Without.VOIDING: "two writers, a collector",
    Without.HEEDING_THE_VOID: "two writers, a collector",
    Without.SECOND_LOOK: "two writers, a collector",
    Without.PENDING_RESTORE: "a restorer, two collectors",
    Without.EXACT_NUMBER: "two deleters, two restorers",
    Without.ALIAS_KEEPS: "pointing at what is deleted",
    Without.LOOK_AFTER_DELETION: "pointing at what is deleted",
    Without.LOOK_AFTER_MOVE: "pointing at what is deleted",
    Without.LOOK_AFTER_MOVING_BACK: "pointing from and to what is deleted",
    Without.LOOK_WHERE_IT_POINTS_ALREADY: "pointing where it points already",
}


def test_each_part_is_left_out_once() -> None:
    assert set(LEFT_OUT) == set(Without) - {Without.NOTHING}


@pytest.mark.parametrize(("without", "scenario"), LEFT_OUT.items(), ids=[part.value for part in LEFT_OUT])
def test_a_part_that_is_left_out_is_missed(without: Without, scenario: str) -> None:
    found = explore(CASES[scenario].scenario, without)
    assert found.fault is not None
    assert found.states < 100_000
