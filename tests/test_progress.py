"""What long work shows: a bar on a terminal, a line now and then in a log, nothing where it is not wanted."""

import re
import subprocess
import sys

from terminal import on_terminal, plain

WORK = """
import sys, time
from modelreg.cli.progress import shown
from modelreg.progress import Meter
quiet, seconds, interval = sys.argv[1] == "quiet", float(sys.argv[2]), float(sys.argv[3])
with shown(quiet=quiet, interval=interval) as progress:
    meter = Meter("upload", 20_000_000, progress)
    for _ in range(20):
        meter.add(1_000_000)
        time.sleep(seconds / 20)
print("done")
"""


def in_a_log(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WORK, *arguments], capture_output=True, text=True, check=True, timeout=60
    )


def test_a_terminal_shows_one_bar_with_bytes_rate_and_time_left() -> None:
    lines = plain(on_terminal("loud", "1.5", "10", program=("-c", WORK), columns=100))
    drawn = "\n".join(lines)
    assert re.search(r"Uploading .*\d+\.\d/20\.0 MB +\d+\.\d MB/s +0:00:0\d", drawn)
    assert [line for line in lines if line][-1] == "done"


def test_short_work_draws_nothing() -> None:
    assert plain(on_terminal("loud", "0.1", "10", program=("-c", WORK))) == ["done"]


def test_a_log_gets_a_plain_line_now_and_then() -> None:
    done = in_a_log("loud", "1.2", "0.3")
    lines = done.stderr.splitlines()
    assert 1 <= len(lines) <= 4
    assert all(re.fullmatch(r"Uploading: \d+% of 20\.0 MB, [\d.]+ [kM]B/s", line) for line in lines)
    assert done.stdout == "done\n"
    assert in_a_log("loud", "0.2", "10").stderr == ""


def test_quiet_says_nothing_anywhere() -> None:
    assert in_a_log("quiet", "0.6", "0.1").stderr == ""
    assert plain(on_terminal("quiet", "0.8", "0.1", program=("-c", WORK))) == ["done"]
