"""Image registries over HTTP: credentials, troubles of the network, and answers that are not to be believed."""

import base64
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_server import ImageServer, serving
from images import Blobs, image_of, index_of, package_files, python_files

from modelreg import AccessDeniedError, ImageRegistryError, IntegrityError, NotFoundError, UsageError, open_image
from modelreg.image.capture import capture_image
from modelreg.image.credentials import Credentials, credentials_for
from modelreg.image.reference import ImageReference
from modelreg.image.remote import RemoteImage

SITE = "usr/local/lib/python3.11/site-packages"
LAYERS = ({**python_files(), "data": os.urandom(50_000)}, package_files(SITE, "joblib==1.5.1"))


@pytest.fixture
def server() -> Iterator[ImageServer]:
    """An image registry with team/fraud:3 for linux/amd64, and team/fraud:all for two platforms."""
    blobs = Blobs({})
    image = image_of(blobs, LAYERS)
    arm = image_of(blobs, [python_files(), package_files(SITE, "joblib==1.5.2")], platform="linux/arm64")
    index = index_of(blobs, {"linux/amd64": image, "linux/arm64": arm})
    with serving(ImageServer(blobs, {"3": str(image["digest"]), "all": str(index["digest"])})) as running:
        yield running


def pins(server: ImageServer, selector: str = ":3", platform: str | None = None) -> list[str]:
    image = open_image(f"{server.host}/team/fraud{selector}", platform)
    return [f"{package.name}=={package.version}" for package in capture_image(image).environment.packages]


def log_in(tmp_path: Path, entry: dict[str, object]) -> None:
    config = tmp_path / "home" / ".docker" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(entry), encoding="utf-8")


def auths(server: ImageServer, login: str) -> dict[str, object]:
    return {"auths": {server.host: {"auth": base64.b64encode(login.encode()).decode()}}}


def test_a_tag_and_its_digest_are_the_same_image(server: ImageServer) -> None:
    image = open_image(f"{server.host}/team/fraud:3")
    assert image.digest == server.tags["3"]
    assert pins(server) == pins(server, f"@{image.digest}") == ["joblib==1.5.1"]


@pytest.mark.parametrize("told", [True, False])
def test_a_digest_is_asked_for_alone(server: ImageServer, *, told: bool) -> None:
    server.tells_digests = told
    image = RemoteImage(ImageReference.parse(f"{server.host}/team/fraud:3"))
    assert image.current_digest() == server.tags["3"]
    assert server.asked[0] == "HEAD /v2/team/fraud/manifests/3"
    assert len(server.asked) == (1 if told else 2)


def test_layers_are_downloaded_once(server: ImageServer) -> None:
    pins(server)
    server.asked.clear()
    assert pins(server) == ["joblib==1.5.1"]
    assert len(server.asked) == 2  # the manifest and the configuration


def test_the_platform_of_an_index_is_chosen(server: ImageServer) -> None:
    assert pins(server, ":all", "linux/arm64") == ["joblib==1.5.2"]
    assert open_image(f"{server.host}/team/fraud:all", "linux/amd64").digest == server.tags["all"]
    with pytest.raises(UsageError, match="several platforms: linux/amd64, linux/arm64; choose one with --platform"):
        pins(server, ":all")
    with pytest.raises(NotFoundError, match="has no image for linux/s390x"):
        pins(server, ":all", "linux/s390x")
    with pytest.raises(NotFoundError, match="is for linux/amd64, not for linux/arm64"):
        pins(server, ":3", "linux/arm64")


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_the_credentials_of_docker_login_are_used(tmp_path: Path, server: ImageServer, scheme: str) -> None:
    server.login, server.scheme = "anna:pass:wörd", scheme
    log_in(tmp_path, auths(server, server.login))
    assert pins(server) == ["joblib==1.5.1"]
    assert len(server.refused) == 1  # what was answered once is sent along from then on


@pytest.mark.parametrize("scheme", ["Basic", "Bearer", "Negotiate"])
@pytest.mark.parametrize("login", ["anna:wrong", None])
def test_wrong_credentials_and_none_are_refused(
    tmp_path: Path, server: ImageServer, scheme: str, login: str | None
) -> None:
    server.login, server.scheme = "anna:right", scheme
    if login:
        log_in(tmp_path, auths(server, login))
    with pytest.raises(AccessDeniedError, match="log in with docker login 127"):
        pins(server)


def test_what_netrc_says_is_not_sent(tmp_path: Path, server: ImageServer) -> None:
    server.login = "anna:netrc"
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".netrc").write_text("machine 127.0.0.1 login anna password netrc\n", encoding="utf-8")
    with pytest.raises(AccessDeniedError):
        pins(server)


def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Put a credential helper called docker-credential-test on the PATH."""
    script = tmp_path / "bin" / "docker-credential-test"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\nread server\n{body}\n", encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(os.name == "nt", reason="the helper is a shell script")
@pytest.mark.parametrize("general", [True, False])
def test_a_credential_helper_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ImageServer, *, general: bool
) -> None:
    server.login = f"{server.host}:secret"
    helper(tmp_path, monkeypatch, """[ "$1" = get ] && printf '{"Username": "%s", "Secret": "secret"}' "$server" """)
    log_in(
        tmp_path, {"credsStore": "test"} if general else {"credHelpers": {server.host: "test"}, "credsStore": "other"}
    )
    assert pins(server) == ["joblib==1.5.1"]


@pytest.mark.skipif(os.name == "nt", reason="the helper is a shell script")
def test_a_helper_without_credentials_means_none_and_one_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ImageServer
) -> None:
    helper(tmp_path, monkeypatch, "echo credentials not found in native keychain; exit 1")
    log_in(tmp_path, {"credsStore": "test", "auths": {server.host: {}}})
    assert credentials_for(ImageReference.parse(f"{server.host}/team/fraud")) is None
    (tmp_path / "bin" / "docker-credential-test").write_text("#!/bin/sh\necho the keychain is locked >&2; exit 1\n")
    with pytest.raises(AccessDeniedError, match="the keychain is locked; log in again"):
        credentials_for(ImageReference.parse(f"{server.host}/team/fraud"))


KEYS = {
    "https://index.docker.io/v1/": "python",
    "https://registry.example/v2/": "registry.example/fraud",
    "registry.example:5000": "registry.example:5000/team/fraud",
    "registry.example/team": "registry.example/team/fraud",  # as Podman writes it
}


@pytest.mark.parametrize(("key", "image"), KEYS.items())
def test_hosts_are_written_in_many_ways(tmp_path: Path, key: str, image: str) -> None:
    word = base64.b64encode(b"anna:secret").decode()
    log_in(tmp_path, {"auths": {key: {"auth": word}, "registry.example.org": {"auth": "bm90OnRoaXM="}}})
    assert credentials_for(ImageReference.parse(image)) == Credentials("anna", "secret")
    assert credentials_for(ImageReference.parse("registry.example.net/fraud")) is None


def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path, server: ImageServer) -> None:
    server.login = "anna:secret"
    log_in(tmp_path, {"auths": {server.host: {"auth": "not base64"}}})
    with pytest.raises(UsageError, match=r"config\.json: what it holds for 127.0.0.1:\d+ cannot be read"):
        pins(server)
    (tmp_path / "home" / ".docker" / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"config\.json is no valid JSON"):
        pins(server)


@pytest.mark.parametrize("resumes", [True, False])
def test_a_broken_download_is_gone_on_with(server: ImageServer, *, resumes: bool) -> None:
    server.broken, server.resumes = 2, resumes
    assert pins(server) == ["joblib==1.5.1"]
    assert server.broken == 0


def test_a_registry_that_is_busy_is_asked_again(server: ImageServer) -> None:
    server.busy = 2
    assert pins(server) == ["joblib==1.5.1"]


def test_a_registry_that_stays_busy_or_breaks_off_each_time_is_unreachable(server: ImageServer) -> None:
    server.busy = 100
    with pytest.raises(ImageRegistryError, match="answered 503"):
        pins(server)
    server.busy, server.broken = 0, 1000
    with pytest.raises(ImageRegistryError, match="cannot be reached"):
        pins(server)


def test_what_is_not_there_is_said_to_be_missing(server: ImageServer) -> None:
    for selector in (":4", f"@sha256:{'0' * 64}"):
        with pytest.raises(NotFoundError, match="there is no image 127"):
            pins(server, selector)
    layer = open_image(f"{server.host}/team/fraud:3").manifest.layers[0]
    del server.blobs.kept[layer.digest]
    with pytest.raises(NotFoundError):
        pins(server)


def test_nobody_answers() -> None:
    with pytest.raises(ImageRegistryError, match=r"127\.0\.0\.1:9 cannot be reached: .*refused"):
        open_image("127.0.0.1:9/team/fraud:3")


def test_a_manifest_that_is_not_the_one_asked_for_is_refused(server: ImageServer) -> None:
    digest = server.tags["3"]
    server.blobs.kept[digest] = server.blobs.kept[digest] + b" "
    with pytest.raises(IntegrityError, match="damaged or replaced"):
        pins(server, f"@{digest}")
    with pytest.raises(IntegrityError, match="gives the digest"):
        pins(server)
    with pytest.raises(IntegrityError, match="was damaged or replaced"):
        pins(server, ":all", "linux/amd64")


DAMAGED = {
    "no JSON": b"<html>a proxy's page</html>",
    "no object": b"[]",
    "the first format": b'{"schemaVersion": 1, "fsLayers": [], "layers": []}',
    "no layers": b'{"schemaVersion": 2, "config": {}}',
    "nested without end": b"[" * 100_000,
    "a digest that is none": b'{"schemaVersion": 2, "layers": [{"digest": "x", "size": 1, "mediaType": ""}]}',
}


@pytest.mark.parametrize("document", DAMAGED.values(), ids=DAMAGED)
def test_a_document_that_is_none_is_damage(server: ImageServer, document: bytes) -> None:
    server.tags["odd"] = str(server.blobs.add(document, "")["digest"])
    with pytest.raises(IntegrityError, match=f"the image {server.host}/team/fraud:odd "):
        pins(server, ":odd")
