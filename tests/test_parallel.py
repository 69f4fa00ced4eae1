"""Several calls at a time, with the answers in order."""

import threading
from collections.abc import Iterator

import pytest

from modelreg.parallel import ahead


@pytest.mark.parametrize("width", [1, 2, 7, 100])
def test_answers_come_in_the_order_of_the_jobs(width: int) -> None:
    assert list(ahead(lambda job: job * job, range(50), width)) == [job * job for job in range(50)]


def test_as_many_are_at_work_at_once_as_there_is_room_for() -> None:
    gate = threading.Barrier(4)  # nobody passes unless four have come
    assert list(ahead(lambda job: gate.wait(timeout=30) >= 0, range(8), 4)) == [True] * 8


def test_no_more_jobs_are_taken_than_there_is_room_for() -> None:
    taken: list[int] = []

    def jobs() -> Iterator[int]:
        for job in range(100):
            taken.append(job)
            yield job

    answers = ahead(lambda job: job, jobs(), 3)
    next(answers)
    assert taken == [0, 1, 2]
    answers.close()  # a generator is what it is
    assert taken == [0, 1, 2]


def test_the_first_failure_ends_it_and_what_has_not_begun_is_not_begun() -> None:
    begun: list[int] = []

    def work(job: int) -> int:
        begun.append(job)
        if job == 2:
            raise ValueError("the third")
        return job

    answers = ahead(work, range(100), 2)
    assert [next(answers), next(answers)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(answers)
    assert len(begun) < 10


def test_one_at_a_time_takes_no_thread() -> None:
    assert set(ahead(lambda _: threading.current_thread(), range(3), 1)) == {threading.current_thread()}


def test_those_at_work_are_told_that_no_more_is_wanted_before_they_are_waited_for() -> None:
    over = threading.Event()

    def work(job: int) -> int:
        assert job == 0 or over.wait(30)
        return job

    answers = ahead(work, range(5), 3, over.set)
    assert next(answers) == 0
    answers.close()
    assert over.is_set()


def test_an_interrupt_while_an_answer_is_waited_for_is_told_to_those_at_work() -> None:
    """Ctrl-C comes when it likes, most often while something is waited for."""
    over = threading.Event()

    def work(job: int) -> int:
        if job == 0:
            raise KeyboardInterrupt
        assert over.wait(30)
        return job

    with pytest.raises(KeyboardInterrupt):
        list(ahead(work, range(5), 3, over.set))
