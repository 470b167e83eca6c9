# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a server says: no longer, and no more of it, than a server has a reason to say."""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

MOST_BYTES = 256 * 1024
"""At a stretch, HTTP's own included: no answer and no event comes near it."""


class Limited(io.RawIOBase):
    """A connection to read from, which fails once its time is over or too much has come.

    http.client alone has neither limit: it waits anew for each byte and reads endless chunks into memory.
    """

    def __init__(self, connection: socket.socket, early: bytes = b"") -> None:
        """`early`: what was read already."""
        self._connection = connection
        self._early = early
        self._bytes = 0
        self._deadline = 0.0

    def allow(self, seconds: float) -> None:
        """Begins a new stretch, of that time."""
        self._bytes = MOST_BYTES
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        """As io.RawIOBase says."""
        return True

    def readinto(self, buffer: memoryview) -> int:
        """As io.RawIOBase says. Raises OSError at the limits as well."""
        if self._bytes <= 0:
            raise OSError("the server says too much")
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server takes too long to say it")
        self._connection.settimeout(left)
        most = min(len(buffer), self._bytes)
        if self._early:
            count = min(most, len(self._early))
            buffer[:count], self._early = self._early[:count], self._early[count:]
        else:
            count = self._connection.recv_into(buffer[:most])
        self._bytes -= count
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        """As a socket has it, for http.client."""
        return io.BufferedReader(self)


def begin(source: Limited, method: str) -> http.client.HTTPResponse:
    """Reads an answer up to its body. Raises OSError and HTTPException."""
    response = http.client.HTTPResponse(source, method=method)
    try:
        response.begin()
    except BaseException:
        response.close()
        raise
    return response
