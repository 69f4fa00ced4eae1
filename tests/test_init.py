"""modelreg init."""

import json
from pathlib import Path

import bucket_servers
import pytest
from bucket_servers import BUCKET, Server
from conftest import Run

from modelreg import Capture, Registry
from modelreg.errors import StoreError
from modelreg.store import Store


def test_a_registry_is_made_once(store: Store, model: Path, captured: Capture) -> None:
    assert Registry(store).init()
    assert [entry.key for entry in store.entries("")] == ["modelreg.json"]
    assert not Registry(store).init()
    assert Registry(store).models() == ()
    assert Registry(store).register(model, "fraud", capture=captured).version.number == 1


def test_the_command_prints_the_registry_alone_on_stdout(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "made"
    ran = run("init", str(folder))
    assert (ran.code, ran.out, ran.err) == (0, f"{folder}\n", "Made the registry.\n")
    ran = run("init", str(folder))
    assert (ran.code, ran.out, ran.err) == (0, f"{folder}\n", "It is a registry already.\n")
    assert json.loads(run("init", "--json").out) == {"registry": str(tmp_path / "registry"), "created": True}


def test_a_bucket_is_made_a_registry(s3_url: str, run: Run) -> None:
    ran = run("init", s3_url)
    assert (ran.code, ran.out) == (0, f"{s3_url}\n")
    assert run("list", MODELREG_REGISTRY=s3_url).code == 0


def test_a_server_that_lies_is_refused(rclone: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket_servers.use(rclone, monkeypatch)
    registry = Registry.open(f"s3://{BUCKET}/init")
    for _ in range(2):
        with pytest.raises(StoreError, match="lets a record be created twice"):
            registry.init()
