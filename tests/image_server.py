"""An image registry for tests: the reading half of the OCI distribution API, with the troubles that networks have."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from images import Blobs

TOKEN = "token-of-the-test"


@dataclass
class ImageServer:
    """What is served, and how it misbehaves.

    tags: the digest of each tag. login: `user:password`, asked for by `scheme`, `Basic` or `Bearer`.
    broken: how many answers with a layer end after half of it. busy: how many requests are answered with 503.
    resumes: whether parts can be asked for.
    tells_digests: in a header, as most do. asked: every request line, and `refused`: those answered with 401.
    """

    blobs: Blobs
    tags: dict[str, str]
    login: str | None = None
    scheme: str = "Basic"
    broken: int = 0
    busy: int = 0
    resumes: bool = True
    tells_digests: bool = True
    host: str = ""
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@contextmanager
def serving(server: ImageServer) -> Iterator[ImageServer]:
    """Serve on a free port of this machine; `host` is then its name."""

    class Handler(_Handler):
        state = server

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.host = f"127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: ImageServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # as http.server names it
        """Tests look at `asked`."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        state = self.state
        state.asked.append(f"{self.command} {self.path}")
        url = urlsplit(self.path)
        if url.path == "/token":
            self._answer_token(parse_qs(url.query))
        elif state.busy:
            state.busy -= 1
            self._answer(503, b"")
        elif not self._is_let_in():
            state.refused.append(self.path)
            realm = f'realm="http://{state.host}/token",service="images",scope="repository:team/fraud:pull"'
            self._answer(401, b"", ("WWW-Authenticate", f"{state.scheme} {realm}"))
        else:
            self._serve(url.path)

    def _serve(self, path: str) -> None:
        kind, _, name = path.removeprefix("/v2/team/fraud/").partition("/")
        digest = self.state.tags.get(name, name)
        data = self.state.blobs.kept.get(digest)
        if data is None or not path.startswith("/v2/team/fraud/"):
            self._answer(404, b'{"errors": []}')
        elif kind == "manifests":
            self._answer(200, data, *([("Docker-Content-Digest", digest)] if self.state.tells_digests else []))
        else:
            self._serve_blob(data)

    def _serve_blob(self, data: bytes) -> None:
        state = self.state
        start = int(self.headers.get("Range", "bytes=0-")[6:-1]) if state.resumes else 0
        rest = data[start:]
        if state.broken and len(rest) > 100:
            state.broken -= 1
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: len(rest) // 2])
            self.close_connection = True
            return
        self._answer(206 if start else 200, rest)

    def _is_let_in(self) -> bool:
        state = self.state
        if state.login is None:
            return True
        basic = f"Basic {base64.b64encode(state.login.encode()).decode()}"
        wanted = basic if state.scheme == "Basic" else f"Bearer {TOKEN}"
        return self.headers.get("Authorization") == wanted

    def _answer_token(self, asked: dict[str, list[str]]) -> None:
        basic = f"Basic {base64.b64encode((self.state.login or '').encode()).decode()}"
        right = self.headers.get("Authorization") == basic and asked.get("scope") == ["repository:team/fraud:pull"]
        self._answer(200 if right else 401, f'{{"token": "{TOKEN}"}}'.encode() if right else b"{}")

    def _answer(self, status: int, data: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
