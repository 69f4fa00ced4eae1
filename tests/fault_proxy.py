"""A proxy on 127.0.0.1 that loses, breaks off, falsifies or refuses what passes.

All other bytes are untouched, so signatures stay valid.
"""

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

_REQUEST = re.compile(rb"(GET|PUT|POST|HEAD|DELETE|PATCH) \S+ HTTP/1\.[01]\r\n")
_BLOCK = 1 << 16
_PATIENCE = 60
"""Seconds that the proxy has to begin and to end, lest a test waits for ever."""


@dataclass
class Fault:
    """What happens to the requests whose head matches, each `every`-th of them, at most `times` times.

    action: `drop` (the server does it, the answer is lost), `refuse` (`status`, with S3's error `code`, and the server
    never sees it), `hold` (nothing comes back, ever), `cut` (the answer breaks off after `after` bytes), `flip` (one
    bit, after `after` bytes).
    """

    match: bytes
    action: str
    every: int = 1
    times: int | None = None
    after: int = 0
    status: int = 500
    code: str = ""
    extra: str = ""
    seen: int = 0
    fired: int = 0

    def applies(self, head: bytes) -> bool:
        if re.search(self.match, head) is None or self.fired == self.times:
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        self.fired += 1
        return True

    def answer(self) -> bytes:
        body = f'<?xml version="1.0"?><Error><Code>{self.code}</Code><Message>m</Message>{self.extra}</Error>'
        head = f"HTTP/1.1 {self.status} X\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
        return f"{head}Connection: close\r\n\r\n{body}".encode()


@dataclass
class FaultProxy:
    """Where the proxy listens, its faults, the first lines of all requests, and how many were answered.

    carried: bytes, both ways.
    """

    upstream: int
    port: int = 0
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answers: int = 0
    carried: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pick(self, head: bytes) -> Fault | None:
        self.requests.append(head.partition(b" HTTP/")[0].decode())
        return next((fault for fault in self.faults if fault.applies(head)), None)


@contextlib.contextmanager
def faulty(upstream: int, *faults: Fault) -> Iterator[FaultProxy]:
    """Run a proxy in front of a server's port."""
    proxy = FaultProxy(upstream, faults=list(faults))
    loop = asyncio.new_event_loop()
    ready: Future[None] = Future()
    over = asyncio.Event()

    connections: set[asyncio.Task[None]] = set()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError):  # asyncio of Python 3.11 would report it
                await _Connection(proxy).serve(reader, writer)
        finally:
            connections.remove(task)

    async def serve() -> None:
        server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        ready.set_result(None)
        await over.wait()
        server.close()
        await asyncio.sleep(0.02)  # what was accepted last has begun by then
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except OSError as error:
            ready.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.result(_PATIENCE)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(_PATIENCE)
        assert not thread.is_alive(), "the proxy did not end"
        loop.close()


class _Connection:
    """One client's connection, and ours to the server on its behalf."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._fault: Fault | None = None
        self._passed = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes until one side ends, or until this is cancelled."""
        try:
            above, below = await asyncio.open_connection("127.0.0.1", self._proxy.upstream)
        except BaseException:
            writer.transport.abort()
            raise
        directions = [
            asyncio.ensure_future(self._up(reader, writer, below)),
            asyncio.ensure_future(self._down(above, writer)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            ends = await asyncio.gather(*directions, return_exceptions=True)
            if any(isinstance(end, ConnectionAbortedError) for end in ends):
                _reset(writer)
            below.transport.abort()
            writer.close()

    async def _up(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, below: asyncio.StreamWriter
    ) -> None:
        while block := await reader.read(_BLOCK):
            self._proxy.carried += len(block)
            if _REQUEST.match(block):
                self._fault, self._passed = self._proxy.pick(block.partition(b"\r\n\r\n")[0]), 0
                if self._fault is not None and self._fault.action == "refuse":
                    with contextlib.suppress(TimeoutError):  # the rest of the request, or the client gets a reset
                        while await asyncio.wait_for(reader.read(_BLOCK), 0.05):
                            pass
                    writer.write(self._fault.answer())
                    await writer.drain()
                    return
            if self._fault is not None and self._fault.action == "hold":
                continue
            below.write(block)
            await below.drain()

    async def _down(self, above: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await above.read(_BLOCK):
            self._proxy.carried += len(block)
            fault, passed = self._fault, self._passed
            self._passed += len(block)
            self._proxy.answers += passed == 0
            if fault is not None and not block.startswith(b"HTTP/1.1 100"):
                at = fault.after - passed
                if fault.action == "drop":
                    raise ConnectionAbortedError
                if fault.action == "cut" and at < len(block):
                    writer.write(block[: max(at, 0)])
                    await writer.drain()
                    raise ConnectionAbortedError
                if fault.action == "flip" and 0 <= at < len(block):
                    block = block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]
            writer.write(block)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    client = writer.get_extra_info("socket")
    if client is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
