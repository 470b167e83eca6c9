# SPDX-License-Identifier: MIT
"""Publishes pictures and data to a rendercast server, from Python 3.8 or newer. Copy this file beside your script.

    import rendercast
    robot = rendercast.Publisher("http://localhost:8080", "robot")
    robot.publish(image, {"shoulder": 31.5})    # JPEG or PNG bytes, a numpy array, or a PIL image
    robot.publish_data({"gripper": "open"})     # goes with the next picture, or alone if none comes

All calls return at once. A thread sends the newest picture, and reconnects if the connection breaks. It logs problems
to the logger "rendercast". Inside Blender, the add-on brings its own module of this name. This is one file, although a
long one, so that it can be copied; docs/protocol.md has the protocol.
"""

from __future__ import annotations

import atexit
import http.client
import io
import json
import logging
import os
import re
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

MAX_DATA_BYTES = 16 * 1024
"""Of the data of one picture, as JSON."""
MAX_SIDE = 16_383
"""Pixels of a picture's side."""
PICTURE_WAIT = 0.1
"""Seconds that data waits for a picture, if one came in the last second."""
POST_INTERVAL = 0.05
"""Seconds between two posts of data alone; later values replace earlier ones meanwhile."""
IDLE_INTERVAL = 1.0
"""Seconds without a picture until an empty part shows the server that the publisher is still there."""
REFUSAL_WAIT = 0.3
"""Seconds after the request until the connection counts as accepted: servers refuse at once."""
TIMEOUT = 10.0
FIRST_BACKOFF, MAX_BACKOFF = 0.25, 4.0
FINAL_STATUSES = (400, 401, 403, 404, 413, 415)
MAX_ANSWER_BYTES = 64 * 1024
SEND_BUFFER = 512 * 1024
"""Bytes of the socket's buffer: a larger one would hold old pictures if the server is slow."""

_log = logging.getLogger("rendercast")


class RefusedError(Exception):
    """The server refuses this publisher. The message has the server's reason."""

    def __init__(self, status: int, sentence: str, final: bool) -> None:
        super().__init__(f"The server refuses this publisher ({status}): {sentence}")
        self.final = final


class Publisher:
    """Publishes one stream. `with` or `close` ends it; at the end of the script it closes itself."""

    def __init__(self, url="http://localhost:8080", stream="main", token=None, *, takeover=False) -> None:
        """`url`: http://HOST:PORT, https://HOST:PORT or unix:PATH. `token`: default RENDERCAST_PUBLISH_TOKEN.

        `takeover` disconnects another publisher of the stream; this needs a token. Raises ValueError.
        """
        token = os.environ.get("RENDERCAST_PUBLISH_TOKEN", "") if token is None else token
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", stream):
            raise ValueError(f"{stream!r} is no stream name: use 1 to 64 letters, digits, dots, dashes, underscores.")
        if not re.fullmatch(r"[!-~]*", token):
            raise ValueError("The token has a space or a character outside ASCII: copy it again.")
        self._server = _Server(url, token)
        self._path = f"/streams/{stream}"
        self._query = "?takeover" if takeover else ""
        self._changed = threading.Condition()
        self._picture: tuple[bytes, bytes] | None = None
        self._pictured = self._data_since = self._posted = -TIMEOUT
        self._data: dict[str, str] = {}
        self._closing = self._abandoned = False
        self._refusal: RefusedError | None = None
        self._problem = ""
        self._thread: threading.Thread | None = None
        atexit.register(self.close)

    @property
    def problem(self) -> str:
        """Why nothing reaches the server now, as a sentence; empty if all is well."""
        return self._problem

    def publish(self, picture, data=None, *, order="rgb") -> None:
        """Publishes a picture, and data with it. Replaces a picture that still waits, and keeps its data.

        `picture`: bytes of a JPEG or PNG file, a PIL image, or uint8 pixels as a numpy array (or memoryview) of the
        shape (height, width), (height, width, 3) or (height, width, 4). `order`: "bgr" for those of OpenCV.
        Raises ValueError for what cannot be sent, and RefusedError if the server refuses this publisher for good.
        """
        kind, body = _body_of(picture, order)
        values = {} if data is None else _values_of(data)
        head = f"Content-Type: {kind}\r\nX-Captured: {time.time() * 1000:.3f}\r\n".encode("ascii")
        with self._changed:
            self._check_open()
            self._add(values)
            self._picture = (head, body)
            self._pictured = time.monotonic()
            self._changed.notify_all()

    def publish_data(self, data) -> None:
        """Publishes data, such as {"angle": 31.5}: with the next picture, or alone if none comes. Raises as `publish`."""
        values = _values_of(data)
        with self._changed:
            self._check_open()
            self._add(values)
            self._changed.notify_all()

    def close(self, within=2.0) -> None:
        """Sends what waits, and ends the stream. Gives up after `within` seconds."""
        atexit.unregister(self.close)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(within)
        self._abandoned = True

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_error) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._refusal:
            raise self._refusal
        if self._closing:
            raise ValueError("This publisher is closed: make another one.")
        if not self._thread:
            self._thread = threading.Thread(target=self._run, name="rendercast", daemon=True)
            self._thread.start()

    def _add(self, values: dict[str, str]) -> None:
        if not self._data:
            self._data_since = time.monotonic()
        merged = {**self._data, **values}
        self._data = merged if len(_line(merged)) <= MAX_DATA_BYTES else values

    # Everything below runs on the thread.

    def _run(self) -> None:
        backoff = FIRST_BACKOFF
        while True:
            began = time.monotonic()
            try:
                return self._serve()
            except RefusedError as refusal:
                self._tell(str(refusal) if refusal.final else f"{refusal} Retrying.")
                if refusal.final:
                    self._refusal = refusal
                    return None
            except (OSError, http.client.HTTPException) as error:
                self._tell(f"Cannot publish to {self._server.url} ({error or type(error).__name__}); retrying.")
            if time.monotonic() - began > MAX_BACKOFF:
                backoff = FIRST_BACKOFF
            with self._changed:
                if self._closing and (self._abandoned or not (self._picture or self._data)):
                    return None
                self._changed.wait_for(lambda: self._closing, backoff)
            time.sleep(0.05)
            backoff = min(2 * backoff, MAX_BACKOFF)

    def _serve(self) -> None:
        """Sends until `close`. Raises RefusedError, OSError and HTTPException."""
        body: _Body | None = None
        alone = _Connection(self._server)
        try:
            while True:
                picture, data, ends = self._next()
                try:
                    if picture:
                        body = body or _Body(self._server, self._path + self._query)
                        body.send(picture[0], picture[1], _line(data))
                    elif data:
                        self._posted = time.monotonic()
                        alone.post(self._path + "/telemetry", _line(data))
                    if body and not picture:
                        body.send(b"Content-Type: application/x-idle\r\n", b"", b"")
                except BaseException:
                    with self._changed:
                        self._picture = self._picture or picture
                        self._data = {**data, **self._data}
                    raise
                if picture or data:
                    self._tell("")
                if ends:
                    return body.finish() if body else None
        finally:
            alone.close()
            if body:
                body.close()

    def _next(self) -> tuple[tuple[bytes, bytes] | None, dict[str, str], bool]:
        """Waits for a picture, for data that no picture comes for, or for IDLE_INTERVAL."""
        with self._changed:
            deadline = time.monotonic() + IDLE_INTERVAL
            while True:
                now = time.monotonic()
                due = self._data_since + (PICTURE_WAIT if now - self._pictured < 1 else 0)
                due = max(due, self._posted + POST_INTERVAL)
                is_due = bool(self._data) and now >= due
                if self._picture or self._closing or is_due or now >= deadline:
                    break
                self._changed.wait(min(deadline, due if self._data else deadline) - now)
            picture, self._picture = self._picture, None
            data: dict[str, str] = {}
            if picture or self._closing or is_due:
                data, self._data = self._data, {}
            return picture, data, self._closing

    def _tell(self, problem: str) -> None:
        if problem and problem != self._problem:
            _log.warning(problem)
        self._problem = problem


class _Server:
    """The server's address."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._path = url[len("unix:") :] if url.startswith("unix:") else ""
        if self._path and not hasattr(socket, "AF_UNIX"):
            raise ValueError("This system has no Unix sockets: use http://HOST:PORT.")
        try:
            parts = urlsplit("http://localhost" if self._path else url)
            self.host, port = parts.hostname or "", parts.port
        except ValueError:
            parts, self.host, port = None, "", None
        if not parts or parts.scheme not in ("http", "https") or not self.host or parts.path.strip("/") or parts.query:
            raise ValueError(f"{url!r} is no server: use http://HOST:PORT, https://HOST:PORT or unix:PATH.")
        self._secure = parts.scheme == "https"
        self._port = port or (443 if self._secure else 80)
        self.headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "rendercast-python"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def connect(self) -> socket.socket:
        """Raises OSError."""
        if self._path:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(TIMEOUT)
            connection.connect(self._path)
            return connection
        connection = socket.create_connection((self.host, self._port), TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if not self._secure:
            return connection
        return ssl.create_default_context().wrap_socket(connection, server_hostname=self.host)


class _Connection(http.client.HTTPConnection):
    """Posts data alone."""

    def __init__(self, server: _Server) -> None:
        super().__init__(server.host)
        self._server = server

    def connect(self) -> None:
        self.sock = self._server.connect()

    def post(self, path: str, line: bytes) -> None:
        """Raises RefusedError, OSError and HTTPException."""
        headers = {**self._server.headers, "Content-Type": "application/json"}
        try:
            self.request("POST", path, line, headers)
            response = self.getresponse()
        except ConnectionError:
            # The server closes connections that were idle.
            self.close()
            self.request("POST", path, line, headers)
            response = self.getresponse()
        # A stream that does not exist may come later.
        _check(response, FINAL_STATUSES[:3] + FINAL_STATUSES[4:])


class _Body:
    """A request whose body stays open: multipart, one part per picture, one chunk per part."""

    def __init__(self, server: _Server, path: str) -> None:
        self._socket = server.connect()
        about = {"Content-Type": "multipart/x-mixed-replace; boundary=frame", "Transfer-Encoding": "chunked"}
        lines = [f"{name}: {value}\r\n" for name, value in {**server.headers, **about}.items()]
        self._socket.sendall(f"POST {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("ascii"))
        self._listen(REFUSAL_WAIT)

    def send(self, head: bytes, body: bytes, data: bytes) -> None:
        """Raises RefusedError and OSError."""
        self._listen(0)
        telemetry = b"X-Telemetry: " + data + b"\r\n" if data else b""
        head = b"--frame\r\n" + head + telemetry + b"Content-Length: %d\r\n\r\n" % len(body)
        self._write(b"%x\r\n" % (len(head) + len(body) + 2) + head, body, b"\r\n\r\n")

    def finish(self) -> None:
        """Ends the body, and waits for the server's answer."""
        self._write(b"b\r\n--frame--\r\n\r\n0\r\n\r\n")
        self._listen(TIMEOUT)

    def close(self) -> None:
        self._socket.close()

    def _write(self, *pieces: bytes) -> None:
        try:
            for piece in pieces:
                self._socket.sendall(piece)
        except OSError:
            # The server may have said why it closed the connection.
            self._listen(0)
            raise

    def _listen(self, seconds: float) -> None:
        """Waits for an answer. Raises RefusedError if the server refuses, and OSError if it closed the connection."""
        self._socket.settimeout(seconds)
        try:
            received = more = self._socket.recv(MAX_ANSWER_BYTES)
        except (BlockingIOError, socket.timeout, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        finally:
            self._socket.settimeout(TIMEOUT)
        if not received:
            raise ConnectionError("the server closed the connection")
        # The server closes the connection after its answer, but it reads the body for a second before.
        while more and len(received) < MAX_ANSWER_BYTES and not _is_whole(received):
            more = self._socket.recv(MAX_ANSWER_BYTES)
            received += more
        response = http.client.HTTPResponse(_Received(received))
        response.begin()
        _check(response, FINAL_STATUSES)


def _is_whole(answer: bytes) -> bool:
    head, _, text = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return length is not None and len(text) >= int(length[1])


class _Received:
    """Bytes in place of a socket, for http.client."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._received)


def _check(response: http.client.HTTPResponse, final: tuple[int, ...]) -> None:
    text = response.read().decode("utf-8", "replace").strip()
    if response.status >= 300:
        printable = "".join(letter if letter.isprintable() else " " for letter in text[:600])
        raise RefusedError(response.status, printable or response.reason, response.status in final)


def _body_of(picture, order: str) -> tuple[str, bytes]:
    """The media type and bytes of a picture."""
    if order not in ("rgb", "bgr"):
        raise ValueError(f'The order of the channels is "rgb" or "bgr", not {order!r}.')
    if hasattr(picture, "mode") and hasattr(picture, "convert"):
        mode = picture.mode if picture.mode in ("RGB", "RGBA") else "RGB"
        body = (picture if picture.mode == mode else picture.convert(mode)).tobytes()
        return _raw_type(mode.lower(), *picture.size), body
    if isinstance(picture, (bytes, bytearray)) or (isinstance(picture, memoryview) and picture.ndim == 1):
        body = bytes(picture)
        for begin, kind in ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png")):
            if body.startswith(begin):
                return kind, body
        raise ValueError("These bytes are no JPEG or PNG file: read the whole file, or pass pixels as a numpy array.")
    shape = getattr(picture, "shape", None)
    if shape is None or not hasattr(picture, "tobytes"):
        kinds = "JPEG or PNG bytes, a numpy array or a PIL image"
        raise ValueError(f"A picture is {kinds}, not {type(picture).__name__}.")
    if str(getattr(picture, "dtype", "uint8")) != "uint8" or getattr(picture, "itemsize", 1) != 1:
        raise ValueError("Pixels must be uint8: convert them, as by (image * 255).astype('uint8').")
    channels = 1 if len(shape) == 2 else shape[2] if len(shape) == 3 else 0
    if channels not in (1, 3, 4):
        raise ValueError(f"Pixels have the shape (height, width), or that with 3 or 4 channels, not {tuple(shape)}.")
    body = picture.tobytes()
    if channels == 4:
        return _raw_type("rgba" if order == "rgb" else "bgra", shape[1], shape[0]), body
    if channels == 1 or order == "bgr":
        rgb = bytearray(shape[0] * shape[1] * 3)
        for channel in range(3):
            rgb[channel::3] = body if channels == 1 else body[2 - channel :: 3]
        body = bytes(rgb)
    return _raw_type("rgb", shape[1], shape[0]), body


def _raw_type(pixels: str, width: int, height: int) -> str:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(f"A picture has 1 to {MAX_SIDE} pixels a side, not {width}x{height}.")
    return f"application/x-raw-pixels; format={pixels}; width={width}; height={height}"


def _values_of(data) -> dict[str, str]:
    """Each value as JSON. Raises ValueError."""
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise ValueError('Data is a dict with names, such as {"angle": 31.5}.')
    values = {}
    for name, value in data.items():
        try:
            values[name] = json.dumps(value, allow_nan=False, separators=(",", ":"), default=_plain)
        except (TypeError, ValueError, RecursionError) as error:
            advice = "use numbers, strings, lists and dicts, and None in place of NaN"
            raise ValueError(f"{name!r} cannot be sent ({error}): {advice}.") from error
    if len(_line(values)) > MAX_DATA_BYTES:
        raise ValueError(f"The data has {len(_line(values))} bytes of JSON, and at most {MAX_DATA_BYTES} fit: send less.")
    return values


def _plain(value):
    """Numbers and arrays of numpy as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"it is {type(value).__name__}")


def _line(values: dict[str, str]) -> bytes:
    pairs = ",".join(f"{json.dumps(name)}:{value}" for name, value in values.items())
    return f"{{{pairs}}}".encode("ascii") if pairs else b""
