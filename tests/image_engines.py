"""Real engines and real image registries on this machine, started for a test run and ended with it.

`.ci/engines` installs them, and MODELREG_TEST_ENGINES=1 asks for the tests that need one. They are skipped otherwise,
and say so; with MODELREG_TEST_REQUIRE_ALL=1 they fail.
"""

import io
import os
import re
import socket
import ssl
import subprocess
import sys
import sysconfig
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import NoReturn

import pytest

LOGIN = "anna:secret"
_HTPASSWD = "anna:$2y$05$U70.D1ouWPn0dqy7kXN/uu6HACL7R9ojEMaJIrVm4SBUfOxM0qcEW\n"  # bcrypt, the only kind it takes
_COMMON = (
    "lib[cm].so.6",
    "libdl.so.2",
    "librt.so.1",
    "libpthread.so.0",
    "libutil.so.1",
    "libstdc++.so.6",
    "libgcc_s.so.1",
)
_PREFERRED = "/usr/bin:/usr/sbin"  # where the distribution's docker is; another one may lack a plugin


@dataclass(frozen=True)
class RunningEngine:
    """An engine, with the variables that it is to be run with. options: what a build here is to be told."""

    name: str
    environ: dict[str, str]
    options: tuple[str, ...] = ("--network=host",)

    def run(self, *arguments: str, timeout: float = 300) -> str:
        """Run the engine's own command, and return what it prints."""
        done = subprocess.run(
            [self.name, *arguments],
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{self.name} {arguments}: {done.stderr}{done.stdout}"
        return done.stdout


def _missing(what: str) -> NoReturn:
    message = f"{what} is not here: .ci/engines installs it (Debian, Ubuntu)"
    if os.environ.get("MODELREG_TEST_REQUIRE_ALL") == "1":
        pytest.fail(message)
    pytest.skip(message)


def _need(*commands: str) -> None:
    """Skip, or fail, where an engine is not wanted or not there: nobody's tests are to start a daemon unasked."""
    if "1" not in (os.environ.get("MODELREG_TEST_ENGINES"), os.environ.get("MODELREG_TEST_REQUIRE_ALL")):
        pytest.skip("images are built for real with MODELREG_TEST_ENGINES=1; .ci/engines installs what that needs")
    for command in commands:
        if sys.platform != "linux" or which(command, path=_path()) is None:
            _missing(command)


def _path() -> str:
    return f"{_PREFERRED}:{os.environ.get('PATH', '')}"


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """A docker daemon of our own, on a private socket; without root, whom one needs, the one that runs here."""
    _need("docker")
    if os.geteuid() != 0:
        engine = RunningEngine("docker", {"PATH": _path(), "DOCKER_BUILDKIT": "1"})
        if not _answers(["docker", "version"], engine.environ):
            _missing("a docker that this user may use")
        yield engine
        return
    _need("dockerd")
    folder = tmp_path_factory.mktemp("dockerd")
    address = f"unix://{folder}/docker.sock"
    command = ["dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    # No bridge, and no rule of the firewall touched.
    command += ["--pidfile", str(folder / "pid"), "--host", address, "--bridge=none", "--iptables=false"]
    command += ["--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
    engine = RunningEngine("docker", {"DOCKER_HOST": address, "PATH": _path(), "DOCKER_BUILDKIT": "1"})
    with _running(command, folder / "log", lambda: _answers(["docker", "version"], engine.environ)):
        yield engine


@pytest.fixture(scope="session")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> RunningEngine:
    """Buildah as it works in a container: without namespaces and overlays."""
    _need("buildah")
    folder = tmp_path_factory.mktemp("buildah")
    storage = f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(storage, encoding="utf-8")
    environ = {"CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"), "BUILDAH_ISOLATION": "chroot"}
    return RunningEngine("buildah", environ)


@pytest.fixture(scope="session")
def image_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host of an image registry that lets everyone in."""
    with _registry(tmp_path_factory.mktemp("registry"), "") as host:
        yield host


@pytest.fixture
def private_image_registry(tmp_path: Path) -> Iterator[str]:
    """The host of an image registry that wants LOGIN."""
    (tmp_path / "htpasswd").write_text(_HTPASSWD, encoding="ascii")
    with _registry(tmp_path / "images", f"auth: {{htpasswd: {{realm: images, path: {tmp_path}/htpasswd}}}}\n") as host:
        yield host


@contextmanager
def _registry(folder: Path, more: str) -> Iterator[str]:
    _need("docker-registry")
    folder.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    settings = f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
    settings += f'http: {{addr: "{host}"}}\n{more}'
    (folder / "registry.yml").write_text(settings, encoding="utf-8")
    command = ["docker-registry", "serve", str(folder / "registry.yml")]
    with _running(command, folder / "log", lambda: _listens(host)):
        yield host


@contextmanager
def _running(command: list[str], log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """Run a server until the tests are through with it."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [which(command[0], path=_path()) or command[0], *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**os.environ, "PATH": _path()},
        )
    try:
        deadline = time.monotonic() + 60
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                _missing(f"{command[0]} does not start ({log.read_text(errors='replace')[-300:]!r}); one that does")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers(command: list[str], environ: Mapping[str, str]) -> bool:
    done = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, check=False)
    return done.returncode == 0


def _listens(host: str) -> bool:
    address, _, port = host.partition(":")
    with socket.socket() as client:
        return client.connect_ex((address, int(port))) == 0


def base_archive(target: Path) -> Path:
    """Write the root of an image that has the Python that runs the tests, and a shell, at the paths they have here."""
    version = f"python{sysconfig.get_python_version()}"
    interpreter = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]  # sys.executable is the venv's
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix, "base": sys.base_prefix}))
    folders = [library, Path("/usr/share/python-wheels"), Path(sysconfig.get_config_var("INCLUDEPY"))]
    programs = {interpreter, *library.glob("lib-dynload/*.so")}
    # What compiled packages expect of any system.
    common = [found for name in _COMMON for found in Path("/lib").glob(f"*-linux-gnu/{name}")]
    needed = {*common} | {Path(found) for program in programs for found in _libraries(program)}
    with tarfile.open(target, "w") as archive:
        for folder in folders:
            if folder.is_dir():
                archive.add(folder, folder.as_posix(), filter=_of_python)
        for file in sorted({interpreter, *needed, Path("/bin/busybox")}):
            archive.add(file.resolve(), file.as_posix())
        for name in ("python3", version):
            _add_link(archive, f"usr/local/bin/{name}", interpreter.as_posix())
        for name in ("sh", "mkdir", "chown", "rm", "cat", "id", "env"):
            _add_link(archive, f"bin/{name}", "busybox")
        for name, text in (
            ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
            ("etc/group", "root:x:0:\n"),
            ("tmp/empty", ""),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return target


def _libraries(program: Path) -> list[str]:
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(/\S+) \(0x", listed)


def _of_python(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what no image needs: packages of this machine, tests, bytecode."""
    unwanted = {"site-packages", "dist-packages", "__pycache__", "test", "idlelib", "tkinter", "turtledemo"}
    parts = member.name.split("/")
    if unwanted & set(parts) or parts[-1].endswith(".a"):
        return None
    member.uid = member.gid = 0
    member.mode |= 0o444 | (0o111 if member.isdir() else 0)
    return member


def _add_link(archive: tarfile.TarFile, name: str, target: str) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    archive.addfile(member)


def pip_secrets(folder: Path) -> dict[str, Path]:
    """Return what pip needs of this machine to reach its index from inside a build, as files to be given as secrets."""
    certificates = (
        os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    )
    index = os.environ.get("PIP_INDEX_URL")
    settings = ["[global]", "timeout = 120", *([f"index-url = {index}"] if index else [])]
    secrets = {}
    if certificates and Path(certificates).is_file():
        settings.append("cert = /run/secrets/ca.crt")
        secrets["ca.crt"] = Path(certificates)
    (folder / "pip.conf").write_text("\n".join(settings) + "\n", encoding="utf-8")
    return secrets | {"pip.conf": folder / "pip.conf"}
