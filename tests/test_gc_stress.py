"""A crowd on one folder: 8 writers that share content, a deleter, a restorer and two collectors with no grace."""

import json
import os
import random
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from modelreg import Registry
from modelreg.registry.model import ModelReader
from modelreg.store.local import LocalStore
from modelreg.version import State

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows neither fork nor SIGSTOP")

REGISTERS = 400
ROUNDS = 13 if os.environ.get("MODELREG_TEST_EXHAUSTIVE") == "1" else 1
"""Each in a registry of its own; thirteen of them are more than 5,000 registers."""
CONTENTS = 60


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_no_version_is_lost_in_the_crowd(tmp_path: Path, turn: int) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  # pytest shows it where this fails
    root, folder = tmp_path / "registry", tmp_path / "contents"
    folder.mkdir()
    for number in range(CONTENTS):
        (folder / f"{number:02d}").write_bytes(os.urandom(2000))
    script = Path(__file__).with_name("crowd.py")
    output = subprocess.run(
        [sys.executable, script, root, folder, str(REGISTERS), str(seed)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=600,
    ).stdout
    told = [json.loads(line) for line in output.splitlines()]
    assert [line for line in told if "failed" in line] == []
    registered = {line["registered"]: line["content"] for line in told if "registered" in line}
    deleted = {line["deleted"] for line in told if "deleted" in line}
    assert len(registered) == REGISTERS
    assert any("restored" in line for line in told)
    assert any(line.get("freed") for line in told)

    registry = Registry.open(str(root))
    registry.gc(apply=True, grace=timedelta(0))
    reader = ModelReader(LocalStore(root), "fraud")
    live = 0
    for number in reader.numbers:
        version = reader.look(number)
        content = version.record.tags["content"]
        assert registered.get(number, content) == content
        if version.state is State.LIVE:
            live += 1
            out = registry.pull(version, tmp_path / "out").folder
            assert (out / content).read_bytes() == (folder / content).read_bytes()
            shutil.rmtree(out)
        elif number in registered:
            assert number in deleted, f"{version} was acknowledged and is {version.state}"
            assert version.deletion is not None, f"{version} was restored, or never deleted, and is {version.state}"
    assert live > REGISTERS // 2
