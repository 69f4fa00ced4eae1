"""modelreg copy between buckets: inside one provider the bytes do not pass through this machine; elsewhere they do."""

import os
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from bucket_servers import Server
from fault_proxy import Fault, faulty

from modelreg import Capture, IntegrityError, Registry
from modelreg.digest import CHUNK
from modelreg.store import open_store
from modelreg.store.bucket import PART
from modelreg.store.s3 import S3Store

SIZE = PART + 2 * CHUNK + 3


class Provider(NamedTuple):
    """Two unused registries of one provider, its server, the variable that names it, and how it is asked to copy."""

    one: str
    two: str
    server: Server
    variable: str
    copies: bytes


@pytest.fixture(params=["s3", "gcs"])
def provider(request: pytest.FixtureRequest) -> Provider:
    url = str(request.getfixturevalue(f"{request.param}_url"))
    if request.param == "s3":
        server = request.getfixturevalue("ministack")
        return Provider(f"{url}/a", f"{url}/b", server, "AWS_ENDPOINT_URL_S3", rb"(?i)x-amz-copy-source:")
    server = request.getfixturevalue("fake_gcs")
    return Provider(f"{url}/a", f"{url}/b", server, "STORAGE_EMULATOR_HOST", rb"POST \S+/(rewriteTo|copyTo)/")


@pytest.fixture
def folder() -> Path:
    """A folder with a file of several parts, two small ones, and an empty one."""
    folder = Path("saved")
    (folder / "deep").mkdir(parents=True)
    for name, size in (("large.bin", SIZE), ("deep/small one.bin", 1000), ("other.bin", 7), ("empty", 0)):
        (folder / name).write_bytes(os.urandom(size))
    return folder


def _content(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != "modelreg.yaml"
    }


def test_inside_one_provider_no_bytes_of_the_model_pass_through_this_machine(
    provider: Provider, folder: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Registry.open(provider.one).register(folder, "fraud", capture=captured).version
    with faulty(provider.server.port) as proxy, monkeypatch.context() as patch:
        patch.setenv(provider.variable, proxy.endpoint)
        told: list[int] = []
        copied = Registry.open(provider.one).copy(
            "fraud:1", Registry.open(provider.two), progress=lambda progress: told.append(progress.done)
        )
        assert proxy.carried < CHUNK // 4
        assert told[-1] == original.artifact.size
        proxy.requests.clear()
        again = Registry.open(provider.one).copy("fraud:1", Registry.open(provider.two))
        assert not [line for line in proxy.requests if line.startswith(("PUT", "POST", "DELETE"))]
    assert (copied.created, copied.uploaded, again.created, again.version) == (True, True, False, copied.version)
    assert copied.version.artifact.digest == original.artifact.digest
    assert copied.version.artifact.upload != original.artifact.upload
    assert _content(Registry.open(provider.two).pull("fraud:1", "out").folder) == _content(folder)


def test_where_the_provider_refuses_to_copy_the_bytes_are_sent(
    provider: Provider, folder: Path, captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Registry.open(provider.one).register(folder, "fraud", capture=captured)
    refused = Fault(provider.copies, "refuse", status=403, code="AccessDenied")
    with faulty(provider.server.port, refused) as proxy, monkeypatch.context() as patch:
        patch.setenv(provider.variable, proxy.endpoint)
        copied = Registry.open(provider.one).copy("fraud:1", Registry.open(provider.two))
        assert refused.fired
        assert proxy.carried > 2 * SIZE
    assert copied.created
    assert _content(Registry.open(provider.two).pull("fraud:1", "out").folder) == _content(folder)


@pytest.mark.parametrize("damage", ["a byte more", "missing"])
def test_what_is_not_whole_is_not_copied_and_leaves_no_version(
    provider: Provider, model: Path, captured: Capture, damage: str
) -> None:
    version = Registry.open(provider.one).register(model, "fraud", capture=captured).version
    store, key = open_store(provider.one), f"models/fraud/artifacts/{version.artifact.upload}/model.pkl"
    store.delete(key)
    if damage == "a byte more":
        store.create(key, model.read_bytes() + b"x")
    with pytest.raises(IntegrityError, match="fraud:1 is damaged in the registry"):
        Registry.open(provider.one).copy("fraud:1", Registry.open(provider.two))
    assert [entry.key for entry in open_store(provider.two).entries("")] == ["modelreg.json"]


def test_from_a_folder_to_s3_to_gcs_and_back_the_model_stays_the_same(
    s3_url: str, gcs_url: str, folder: Path, captured: Capture
) -> None:
    stations = [Registry.open(url) for url in ("here", s3_url, gcs_url, "there")]
    original = stations[0].register(folder, "fraud", capture=captured, tags={"team": "risk"}).version
    stations[0].annotate("fraud:1", metrics={"auc": "0.93"})
    for source, target in pairwise(stations):
        copied = source.copy("fraud:1", target, aliases=["released"]).version
        assert (copied.artifact.digest, copied.environment, copied.tags, copied.metrics, copied.aliases) == (
            original.artifact.digest,
            original.environment,
            {"team": "risk"},
            {"auc": "0.93"},
            ("released",),
        )
        assert not source.copy("fraud:1", target).created
    assert _content(stations[-1].pull("fraud@released", "out").folder) == _content(folder)


def test_what_is_too_large_for_one_request_is_copied_in_slices(
    ministack: Server, s3_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelreg.store.s3_copy import copy_object

    open_store(s3_url).upload("models/a", folder / "large.bin")
    with faulty(ministack.port) as proxy, monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        store = open_store(s3_url)
        assert isinstance(store, S3Store)
        places = store.place("models/a"), store.place("models/b")
        assert copy_object(*places, {}, SIZE, largest=CHUNK, slice_size=6 * CHUNK)
        assert len([line for line in proxy.requests if "partNumber=" in line]) == 2
        assert proxy.carried < CHUNK // 4
        assert not copy_object(*places, {}, SIZE + 1, largest=CHUNK)
    assert b"".join(open_store(s3_url).stream("models/b")) == (folder / "large.bin").read_bytes()
