# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a chunked multipart body over a bare socket, and notices if the server answers before its end.

docs/protocol.md describes the format. A bare socket takes a frame's pixels from Blender's memory into the kernel
without a copy, and without Python's lock.
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
STALLED_AFTER = 10.0
"""Seconds in which the server takes nothing until the connection counts as lost."""
SLICE = 0.5
"""Seconds a send may block before this side looks whether it is refused or to stop."""


class Answered(Exception):
    """The server has something to say before the end."""

    def __init__(self, early: bytes = b"") -> None:
        """`early`: what of it was read already."""
        self.early = early


class Lost(Exception):
    """The connection broke, for the reason in the sentence."""


class Wire:
    """A connection to send on, that notices an early answer."""

    def __init__(self, connection: socket.socket, selector: selectors.BaseSelector) -> None:
        self._connection = connection
        self._selector = selector
        self._gathers = hasattr(connection, "sendmsg") and not isinstance(connection, ssl.SSLSocket)
        if isinstance(connection, ssl.SSLSocket):
            connection.settimeout(SLICE)
        else:
            # Blocking, with the system's own timeout: then one call sends a whole frame without Python's lock, which
            # Blender holds while it draws. With Python's timeout each piece would have to wait for the lock.
            connection.settimeout(None)
            milliseconds = int(SLICE * 1000)
            timeout = (
                milliseconds
                if sys.platform == "win32"
                else struct.pack("@ll", milliseconds // 1000, milliseconds % 1000 * 1000)
            )
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
            # Else megabytes of frames wait in the system when the server is slow, and what it shows is old.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 512 * 1024)

    def check(self, seconds: float = 0) -> None:
        """Raises Answered if the server says something within that time."""
        if not self._selector.select(seconds):
            return
        early = b""
        if isinstance(self._connection, ssl.SSLSocket):
            # What has come may be TLS's own, such as the tickets that servers send after the handshake.
            self._connection.settimeout(0)
            try:
                early = self._connection.recv(4096)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            finally:
                self._connection.settimeout(SLICE)
        raise Answered(early)

    def send_part(self, number: int, frame: Frame) -> None:
        """Sends one part as one chunk."""
        head = b"--" + BOUNDARY + b"\r\n" + frame.headers
        if number:
            head += b"X-Frame-Number: %d\r\n" % number
        head += b"Content-Length: %d\r\n\r\n" % len(frame.data)
        size = len(head) + len(frame.data) + 2
        self.send(b"%x\r\n" % size + head, frame.data, b"\r\n\r\n")

    def send(self, *pieces: memoryview | bytes) -> None:
        """Sends all the pieces. Raises Answered, Lost or OSError."""
        left = deque(memoryview(piece) for piece in pieces if len(piece))
        progress = time.monotonic()
        while left:
            sent = self._some(left)
            if sent:
                progress = time.monotonic()
            while left and sent >= len(left[0]):
                sent -= len(left.popleft())
            if not left:
                return
            if sent:
                left[0] = left[0][sent:]
            self.check()
            if time.monotonic() - progress > STALLED_AFTER:
                raise Lost("The server takes no more pictures; connecting anew")

    def _some(self, left: deque[memoryview]) -> int:
        try:
            return self._connection.sendmsg(left) if self._gathers else self._connection.send(left[0])
        except (BlockingIOError, TimeoutError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0
        except OSError as error:
            # The system's timeout on Windows.
            if getattr(error, "winerror", None) == 10060:
                return 0
            raise

    def finish(self) -> None:
        """Sends the end of the body."""
        self.send(_chunk(b"--" + BOUNDARY + b"--\r\n") + b"0\r\n\r\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n" % len(data) + data + b"\r\n"
