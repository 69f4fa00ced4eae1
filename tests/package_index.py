"""A package index on this machine, with small real wheels, for what installs from one."""

import base64
import hashlib
import os
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from packaging.utils import canonicalize_name

UV = Path(sys.executable).parent / ("uv.exe" if sys.platform == "win32" else "uv")
"""The uv of the environment that the tests run in."""


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    tag: str = "py3-none-any",
    content: str = "",
    script: bool = False,
) -> Path:
    """Write a wheel with one module, with every digest that a RECORD has.

    script: it has one, a module among its data, and a vendored beta, as setuptools vendors others.
    """
    distribution = name.replace("-", "_")
    info = f"{distribution}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {line}\n" for line in requires)
    python, abi, platforms = tag.split("-")
    tags = "".join(f"Tag: {python}-{abi}-{platform}\n" for platform in platforms.split("."))
    files = {
        f"{distribution}.py": content or f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\n{tags}",
    }
    if script:
        files[f"{distribution}-{version}.data/scripts/{name}"] = "#!python\nprint('run')\n"
        files[f"{distribution}-{version}.data/purelib/{distribution}_more.py"] = "more = True\n"
        files[f"{distribution}_vendor/beta-0.1.dist-info/RECORD"] = "beta.py,sha256=x,1\n"
    record = "".join(f"{file},sha256={_digest(text)},{len(text)}\n" for file, text in files.items())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{distribution}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(file, text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the wheels of a folder as an index (PEP 503) on 127.0.0.1; yield its URL. Wheels may come and go."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[0] != "simple":
            super().do_GET()
            return
        wheels = sorted(Path(self.directory).glob("*.whl"))
        if len(parts) > 1:
            wheels = [path for path in wheels if canonicalize_name(path.name.split("-")[0]) == parts[1]]
        if not wheels:
            self.send_error(404)
            return
        page = "".join(
            f'<a href="/{quote(path.name)}#sha256={sha256_of(path)}">{escape(path.name)}</a>' for path in wheels
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<!DOCTYPE html><html><body>{page}</body></html>".encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # as its parent calls it
        """Say nothing."""


def settings_of(url: str, cache: Path) -> Mapping[str, str]:
    """Return the variables with which uv and pip know this index and no other, and no cache but their own."""
    return {
        "UV_DEFAULT_INDEX": url,
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(cache / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_INDEX_URL": url,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_CACHE_DIR": str(cache / "pip"),
        "PIP_EXTRA_INDEX_URL": url,
        "PIP_FIND_LINKS": str(cache),
    }
