"""How long it takes to find out what a model needs: its imports, their packages, and what these need in turn.

    python benchmarks/needs.py MODEL [--python PYTHON] [--rounds N]

MODEL is a file of any kind that modelreg reads: best a large joblib file, whose arrays should be stepped over. PYTHON
is an environment, best one with hundreds of packages. Times are wall-clock, in milliseconds, the median of the rounds;
reading the file includes starting the process that does so.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from modelreg import capture, find_interpreter
from modelreg.environment.providers import find_providers
from modelreg.environment.roles import load_critical, tooling
from modelreg.files import find_source
from modelreg.imports.scan import scan


def median(action: Callable[[], object], rounds: int) -> float:
    """Return how long an action takes, in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--python")
    parser.add_argument("--rounds", type=int, default=11)
    given = parser.parse_args()
    files = find_source(given.model).files
    captured = capture(find_interpreter(given.python))
    environment, imports = captured.environment, scan(files)
    if imports is None:
        parser.error(f"{given.model} says nothing of what it imports")
    owners = find_providers(imports.names, captured.places).owners
    needed = load_critical(environment, owners) or ()
    steps: dict[str, Callable[[], object]] = {
        "read its imports": lambda: scan(files),
        "find their packages": lambda: find_providers(imports.names, captured.places),
        "what these need": lambda: load_critical(environment, owners),
        "what is tooling": lambda: tooling(environment, needed),
    }
    size = sum(file.size for file in files) / 1e6
    print(f"{size:.0f} MB, {len(imports.names)} modules, {len(needed)} of {len(environment.packages)} packages")
    for name, action in steps.items():
        print(f"{name:20} {median(action, given.rounds):8.1f} ms")


if __name__ == "__main__":
    main()
