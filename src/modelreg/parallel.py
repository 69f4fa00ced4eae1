"""Several calls at a time, with the answers in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

Job = TypeVar("Job")
Answer = TypeVar("Answer")


def ahead(
    function: Callable[[Job], Answer], jobs: Iterable[Job], width: int, over: Callable[[], object] = lambda: None
) -> Generator[Answer, None, None]:
    """Yield `function(job)` for each job, in order, while up to `width` of them are at work.

    Jobs are taken one by one as there is room, so what they and their answers hold in memory is bounded. A width of 1
    takes no thread. The first failure ends it, when its turn comes; what has not begun by then is not begun.

    over: called in the end, however it ends, before the calls that are still running are waited for.
    """
    if width <= 1:
        yield from map(function, jobs)
        return

    # Imported here: it costs as much as all else that a small model needs.
    from concurrent.futures import Future, ThreadPoolExecutor

    pool = ThreadPoolExecutor(width)
    pending: deque[Future[Answer]] = deque()
    try:
        for job in jobs:
            pending.append(pool.submit(function, job))
            if len(pending) >= width:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        over()
        pool.shutdown(cancel_futures=True)
