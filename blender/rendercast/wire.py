# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a chunked multipart body over a bare socket, and detects an early response.

docs/protocol.md describes the format. With a bare socket, a frame's pixels go from Blender's memory into the kernel
without a copy and without holding the GIL.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import selectors

    from .frames import Frame

BOUNDARY = b"rendercast-frame"
STALL_TIMEOUT = 10.0
"""Seconds without a byte sent until the connection counts as lost."""
SEND_TIMEOUT = 0.5
"""Seconds that one send call blocks; between calls the publisher checks for a response or a stop."""
SEND_BUFFER = 512 * 1024
"""Bytes of the socket's send buffer. A larger one holds megabytes of stale frames if the server is slow."""
WINDOWS_TIMEOUT = 10060
"""WSAETIMEDOUT: how Windows reports that SO_SNDTIMEO expired."""


class EarlyResponse(Exception):
    """The server responds before the body ends."""

    def __init__(self, received: bytes = b"") -> None:
        """`received`: bytes of the response that were already read."""
        self.received = received


class ConnectionLost(Exception):
    """The connection failed. The message is a sentence for the user."""


class Wire:
    """The sending side of one connection."""

    def __init__(self, connection: socket.socket, selector: selectors.BaseSelector) -> None:
        """`selector` has the connection registered for reading."""
        self._connection = connection
        self._selector = selector
        self._gathers = hasattr(connection, "sendmsg") and not isinstance(connection, ssl.SSLSocket)
        if isinstance(connection, ssl.SSLSocket):
            connection.settimeout(SEND_TIMEOUT)
        else:
            # Blocking, with the system's timeout: one call sends a whole frame without the GIL, which Blender holds
            # while it draws. With Python's timeout, each piece waits for the GIL.
            connection.settimeout(None)
            milliseconds = int(SEND_TIMEOUT * 1000)
            timeout = (
                milliseconds
                if sys.platform == "win32"
                else struct.pack("@ll", milliseconds // 1000, milliseconds % 1000 * 1000)
            )
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def check(self, seconds: float = 0) -> None:
        """Waits up to `seconds` for the server to respond. Raises EarlyResponse if it does."""
        if not self._selector.select(seconds):
            return
        received = b""
        if isinstance(self._connection, ssl.SSLSocket):
            # The bytes may belong to TLS itself, such as session tickets after the handshake.
            self._connection.settimeout(0)
            try:
                received = self._connection.recv(4096)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            finally:
                self._connection.settimeout(SEND_TIMEOUT)
        raise EarlyResponse(received)

    def send_part(self, number: int, frame: Frame) -> None:
        """Sends one part as one chunk. Number 0 sends none. Raises as `send` does."""
        head = b"--" + BOUNDARY + b"\r\n" + frame.headers
        if number:
            head += b"X-Frame-Number: %d\r\n" % number
        head += b"Content-Length: %d\r\n\r\n" % len(frame.data)
        size = len(head) + len(frame.data) + 2
        self.send(b"%x\r\n" % size + head, frame.data, b"\r\n\r\n")

    def finish(self) -> None:
        """Sends the closing boundary and the last chunk. Raises as `send` does."""
        closing = b"--" + BOUNDARY + b"--\r\n"
        self.send(b"%x\r\n" % len(closing) + closing + b"\r\n0\r\n\r\n")

    def send(self, *pieces: memoryview | bytes) -> None:
        """Sends all the pieces. Raises EarlyResponse, ConnectionLost or OSError."""
        left = deque(memoryview(piece) for piece in pieces if len(piece))
        progress = time.monotonic()
        while left:
            sent = self._send_some(left)
            if sent:
                progress = time.monotonic()
            while left and sent >= len(left[0]):
                sent -= len(left.popleft())
            if not left:
                return
            if sent:
                left[0] = left[0][sent:]
            self.check()
            if time.monotonic() - progress > STALL_TIMEOUT:
                raise ConnectionLost("The server stopped reading; reconnecting")

    def _send_some(self, left: deque[memoryview]) -> int:
        try:
            return self._connection.sendmsg(left) if self._gathers else self._connection.send(left[0])
        except (BlockingIOError, TimeoutError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0
        except OSError as error:
            if getattr(error, "winerror", None) == WINDOWS_TIMEOUT:
                return 0
            raise
