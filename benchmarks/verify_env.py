"""Measure verify-env beside what else reads an environment.

    python benchmarks/verify_env.py ENVIRONMENT [--rounds N]

ENVIRONMENT is a virtual environment with pip, scikit-learn and some 300 packages. Everything is measured in turn,
round by round, in an empty folder: whole processes by the wall clock and by the processor, medians and the best of all
rounds. The smallest Typer app is one that prints a word. What is to hold: the command takes at most that app's time and
twice that of `uv pip freeze`, and a quarter of that of `pip freeze`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import modelreg
from modelreg import capture, find_interpreter
from modelreg.environment.files_changed import files_changed
from modelreg.environment.roles import load_critical
from modelreg.imports.lookup import look_up

TYPER = "import typer\napp = typer.Typer()\n@app.command()\ndef main() -> None:\n    typer.echo('word')\napp()\n"
FIT = """
import pickle, sys
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
made = make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=2))
rows = [[number % 7, number % 3] for number in range(100)]
with open(sys.argv[1], "wb") as file:
    pickle.dump(made.fit(rows, [number % 2 for number in range(100)]), file)
"""
SERVE = """
import pickle, sys, time
sys.path.append(sys.argv[1])
with open(sys.argv[3], "rb") as file:
    pickle.load(file)
import modelreg
seen = []
for _ in range(50):
    start = time.perf_counter(), time.process_time()
    modelreg.verify_env(sys.argv[2])
    seen.append((time.perf_counter() - start[0], time.process_time() - start[1]))
first, rest = seen[0], sorted(seen[1:])
print(*(1000 * part for part in (*first, *rest[len(rest) // 2], *rest[0])))
"""


def process(command: list[str]) -> tuple[float, float]:
    """Run a command; return the milliseconds it took, and those of the processor."""
    start = time.perf_counter()
    null = os.open(os.devnull, os.O_RDWR)
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    _, status, used = os.wait4(child, 0)
    os.close(null)
    if status:
        sys.exit(f"{command} failed")
    return 1000 * (time.perf_counter() - start), 1000 * (used.ru_utime + used.ru_stime)


def function(call: Callable[[], object]) -> tuple[float, float]:
    """Call a function; return the milliseconds it took, and those of the processor."""
    start, used = time.perf_counter(), time.process_time()
    call()
    return 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - used)


def line(name: str, seen: list[tuple[float, float]]) -> None:
    """Print a line of the table."""
    wall, processor = zip(*seen, strict=True)
    print(
        f"{name:42} {statistics.median(wall):8.1f} ms  best {min(wall):8.1f}"
        f"  processor {statistics.median(processor):8.1f}  best {min(processor):8.1f}",
        flush=True,
    )


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("environment", type=Path)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    python = str(options.environment.absolute() / "bin" / "python")
    interpreter = find_interpreter(python)
    with tempfile.TemporaryDirectory() as work:
        model, registry, app = Path(work, "model.pkl"), str(Path(work, "registry")), Path(work, "app.py")
        subprocess.run([python, "-B", "-c", FIT, str(model)], check=True)  # noqa: S603  # the environment's own
        app.write_text(TYPER, encoding="utf-8")
        opened = modelreg.Registry.open(registry)
        version = opened.register(model, "bench", python=python).version
        pulled = opened.pull(version, Path(work, "pulled")).folder
        whole = capture(interpreter)
        print(f"{len(whole.environment.packages)} packages\n")
        tool = [str(Path(sys.executable).with_name("modelreg")), "verify-env", "--python", python]
        tools = {
            "the smallest Typer app": [sys.executable, str(app)],
            "modelreg verify-env bench": [*tool, "--registry", registry, "bench"],
            "modelreg verify-env ./pulled": [*tool, str(pulled)],
            "modelreg verify-env ./pulled --deep": [*tool, str(pulled), "--deep"],
            "uv pip freeze": ["uv", "pip", "freeze", "--quiet", "--python", python],
            "pip freeze --all": [python, "-m", "pip", "freeze", "--all"],
        }
        imports = version.record.imports
        assert imports is not None  # noqa: S101  # it is a pickle
        critical = set(load_critical(whole.environment, {"scikit-learn"}))
        closure = [package for package in whole.environment.packages if package.name in critical]
        calls: dict[str, Callable[[], object]] = {
            "capture": lambda: capture(interpreter, whole=False),
            "capture with record digests": lambda: capture(interpreter),
            "files changed, scikit-learn's closure": lambda: list(files_changed(closure, whole.places)),
            "all that the model names looked up": lambda: list(look_up(imports, whole.search)),
        }
        seen: dict[str, list[tuple[float, float]]] = {}
        os.chdir(work)  # away from any pyproject.toml
        for _ in range(options.rounds):
            for name, command in tools.items():
                seen.setdefault(name, []).append(process(command))
            for name, call in calls.items():
                seen.setdefault(name, []).append(function(call))
        for name, times in seen.items():
            line(name, times)
        source = str(Path(modelreg.__file__).parent.parent)
        serve = [python, "-B", "-c", SERVE, source, str(pulled), str(model)]
        said = subprocess.run(serve, check=True, capture_output=True, text=True)  # noqa: S603  # the environment's own
        first, used, median, processor, best, best_used = map(float, said.stdout.split())
        line("modelreg.verify_env, once in a server", [(first, used)])
        line("modelreg.verify_env, again in it", [(median, processor), (best, best_used)])


if __name__ == "__main__":
    main()
