"""A server that implements the ingest protocol strictly, and records every violation in `faults`."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader

PATIENCE = 20.0
"""Seconds a test waits for something before it fails."""

_PIXELS = re.compile(r"application/x-raw-pixels; format=(rgba|bgra|rgb); width=(\d+); height=(\d+); rows=(\S+)")
_BYTES = {"rgba": 4, "bgra": 4, "rgb": 3}


def end(listener: socket.socket) -> None:
    """Closes a listener, and wakes the thread in accept, which closing alone does not."""
    try:
        listener.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    listener.close()


def until(condition: Callable[[], object]) -> bool:
    """Polls a condition for up to PATIENCE seconds. Returns whether it became true."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(condition())


@dataclass(frozen=True)
class Part:
    """One part of a publisher's body."""

    headers: dict[str, str]
    body: bytes

    @property
    def idle(self) -> bool:
        """Whether it is a keepalive."""
        return self.headers["content-type"] == "application/x-idle"

    @property
    def number(self) -> int:
        """The frame number."""
        return int(self.headers["x-frame-number"])


@dataclass
class Request:
    """What one publisher's connection sent."""

    line: str
    headers: dict[str, str]
    parts: list[Part] = field(default_factory=list)
    ended: bool = False
    """Whether the closing boundary and the end of the body arrived."""
    lost: bool = False


class StrictServer:
    """Listens on a free port, or on a Unix socket, until it is closed."""

    def __init__(
        self,
        port: int = 0,
        path: str | None = None,
        events: list[str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self._listener.listen()
        self._changed = threading.Condition()
        self._open: list[socket.socket] = []
        self._events = events
        self._tls = tls
        self.requests: list[Request] = []
        self.followers = 0
        self.faults: list[str] = []
        self.answers: list[tuple[int, str]] = []
        """Status and text for the next publishers, sent at once."""
        self.verdict = (204, "")
        """Status and text for publishers after their last part."""
        self.reading = threading.Event()
        self.reading.set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._listener.getsockname()[1]

    @property
    def parts(self) -> list[Part]:
        """All parts of all requests."""
        return [part for request in self.requests for part in request.parts]

    @property
    def frames(self) -> list[Part]:
        """All parts with a picture."""
        return [part for part in self.parts if not part.idle]

    def wait(self, condition: Callable[[], object]) -> None:
        """Waits until a condition is true. Raises AssertionError after PATIENCE seconds."""
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE):
                raise AssertionError(f"timed out; requests: {self.requests!r:.2000}, faults: {self.faults}")

    def hang_up(self) -> None:
        """Closes all connections abruptly."""
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        self._open.clear()

    def close(self) -> None:
        """Closes the listener and all connections."""
        self.reading.set()
        end(self._listener)
        self.hang_up()

    def __enter__(self) -> StrictServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # Small, so that a publisher soon blocks when the server does not read.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True)
        stream = connection.makefile("rb")
        try:
            line = stream.readline().decode("ascii").rstrip("\r\n")
            if not line:
                return
            headers = self._headers(stream)
            if line.startswith("GET "):
                self._send_events(connection, line)
                return
            request = Request(line, headers)
            with self._changed:
                self.requests.append(request)
                answer = self.answers.pop(0) if self.answers else None
                self._changed.notify_all()
            if answer:
                self._answer(connection, *answer)
                # Like the real server: discard the rest until the publisher has read the response.
                while stream.read1(65536):
                    pass
                return
            try:
                self._publish(stream, request)
                self._answer(connection, *self.verdict)
            except (OSError, EOFError, ValueError) as error:
                with self._changed:
                    request.lost = True
                    if isinstance(error, ValueError) and "closed file" not in str(error):
                        self.faults.append(str(error))
                    self._changed.notify_all()
        except OSError:
            pass
        finally:
            stream.close()
            connection.close()

    def _publish(self, stream: BufferedReader, request: Request) -> None:
        kind = request.headers.get("content-type", "")
        found = re.fullmatch(r"multipart/x-mixed-replace; boundary=([A-Za-z0-9'()+_,./:=?-]{1,70})", kind)
        if not found or request.headers.get("transfer-encoding") != "chunked" or "host" not in request.headers:
            raise ValueError(f"no publisher's headers: {request.headers}")
        body = _Body(stream, self.reading)
        boundary = b"--" + found[1].encode()
        while True:
            line = body.line()
            if line == boundary + b"--":
                if body.rest():
                    raise ValueError("something behind the closing boundary")
                with self._changed:
                    request.ended = True
                    self._changed.notify_all()
                return
            if line != boundary:
                raise ValueError(f"no boundary: {line!r:.100}")
            part = self._part(body)
            with self._changed:
                request.parts.append(part)
                self._changed.notify_all()

    def _part(self, body: _Body) -> Part:
        headers: dict[str, str] = {}
        while line := body.line():
            name, colon, value = line.decode("ascii").partition(": ")
            if not colon or name.lower() in headers:
                raise ValueError(f"no header: {line!r}")
            headers[name.lower()] = value
        content = body.take(int(headers["content-length"]))
        if body.take(2) != b"\r\n":
            raise ValueError("a part goes on behind its length")
        kind = headers["content-type"]
        if kind.startswith("application/x-raw"):
            pixels = _PIXELS.fullmatch(kind)
            if not pixels or len(content) != int(pixels[2]) * int(pixels[3]) * _BYTES[pixels[1]]:
                raise ValueError(f"{len(content)} bytes of {kind}")
        elif kind == "application/x-idle":
            if content or "x-frame-number" in headers:
                raise ValueError("an idle part with something in it")
        elif not kind.startswith("image/"):
            raise ValueError(f"what is {kind}?")
        telemetry = headers.get("x-telemetry")
        if telemetry is not None and (len(telemetry) > 16384 or not isinstance(json.loads(telemetry), dict)):
            raise ValueError(f"telemetry {telemetry!r:.100}")
        return Part(headers, content)

    def _headers(self, stream: BufferedReader) -> dict[str, str]:
        headers: dict[str, str] = {}
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("ascii").partition(":")
            headers[name.lower()] = value.strip()
        return headers

    def _send_events(self, connection: socket.socket, line: str) -> None:
        with self._changed:
            self.followers += 1
            self._changed.notify_all()
        if self._events is None:
            self._answer(connection, 404, "There is no such stream.")
            return
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head)
        for event in self._events:
            data = event.encode()
            # In two pieces: a network may split anywhere.
            for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.recv(1)

    def _answer(self, connection: socket.socket, status: int, sentence: str) -> None:
        text = sentence.encode()
        head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
        length = "" if status == 204 else f"Content-Length: {len(text)}\r\n"
        connection.sendall(f"{head}{length}\r\n".encode() + text)


class _Body:
    """A chunked body, parsed strictly."""

    def __init__(self, stream: BufferedReader, reading: threading.Event) -> None:
        self._stream = stream
        self._reading = reading
        self._bytes = b""

    def line(self) -> bytes:
        """Returns the next line without CRLF."""
        while b"\r\n" not in self._bytes:
            if not self._more():
                raise EOFError
        line, _, self._bytes = self._bytes.partition(b"\r\n")
        return line

    def take(self, count: int) -> bytes:
        """Returns that many bytes."""
        while len(self._bytes) < count:
            if not self._more():
                raise EOFError
        taken, self._bytes = self._bytes[:count], self._bytes[count:]
        return taken

    def rest(self) -> bytes:
        """Returns everything up to the end of the body."""
        while self._more():
            pass
        return self._bytes

    def _more(self) -> bool:
        self._reading.wait()
        size = self._stream.readline()
        if not size:
            raise EOFError
        if not re.fullmatch(rb"[0-9a-f]+\r\n", size):
            raise ValueError(f"no chunk size: {size!r:.100}")
        count = int(size, 16)
        chunk = self._stream.read(count)
        if len(chunk) < count:
            raise EOFError
        if self._stream.read(2) != b"\r\n":
            raise ValueError("no end of a chunk")
        self._bytes += chunk
        return count > 0
