# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the server's responses, with limits on their size and time."""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket

MAX_BYTES = 256 * 1024
"""Per response or event, headers included. Real ones are far smaller."""
MAX_MESSAGE_BYTES = 600
"""Of a response's text that is shown to the user."""

# Retrying cannot change these, whatever the server is.
_FINAL_STATUSES = frozenset({400, 401, 403, 404, 405, 411, 413, 414, 415, 426, 431})
# Text of a 409 that is final: another publisher may leave, but a stream with another kind of source stays.
_OTHER_SOURCE = "has another source"


class Limited(io.RawIOBase):
    """Reads from a connection, and fails after too many bytes or too much time.

    http.client has neither limit: each byte restarts its timeout, and it reads endless chunks into memory.
    """

    def __init__(self, connection: socket.socket, received: bytes = b"") -> None:
        """`received`: bytes that were already read."""
        self._connection = connection
        self._received = received
        self._bytes = 0
        self._deadline = 0.0

    def allow(self, seconds: float) -> None:
        """Allows MAX_BYTES more, for that many seconds."""
        self._bytes = MAX_BYTES
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        """Implements io.RawIOBase."""
        return True

    def readinto(self, buffer: memoryview) -> int:
        """Implements io.RawIOBase. Raises OSError when a limit is reached."""
        if self._bytes <= 0:
            raise OSError("the server sent too much data")
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server took too long to respond")
        self._connection.settimeout(left)
        most = min(len(buffer), self._bytes)
        if self._received:
            count = min(most, len(self._received))
            buffer[:count], self._received = self._received[:count], self._received[count:]
        else:
            count = self._connection.recv_into(buffer[:most])
        self._bytes -= count
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Implements the part of a socket that http.client uses."""
        return io.BufferedReader(self)


def begin(source: Limited, method: str) -> http.client.HTTPResponse:
    """Reads a response up to its body. Raises OSError and HTTPException."""
    response = http.client.HTTPResponse(source, method=method)
    try:
        response.begin()
    except BaseException:
        response.close()
        raise
    return response


class Answer(NamedTuple):
    """The server's response to a publisher."""

    sentence: str
    final: bool
    """Whether retrying is useless."""
    success: bool


def read(connection: socket.socket, received: bytes, seconds: float) -> Answer:
    """Reads the response to a publisher. Raises OSError, HTTPException and ValueError.

    `received`: bytes that were already read.
    """
    source = Limited(connection, received)
    source.allow(seconds)
    with begin(source, "POST") as response:
        sentence = sentence_of(response)
    conflict = response.status == http.client.CONFLICT
    final = response.status in _FINAL_STATUSES or (conflict and _OTHER_SOURCE in sentence)
    return Answer(sentence, final, response.status < 300)


def sentence_of(response: http.client.HTTPResponse) -> str:
    """Reads the sentence in a response; its status if it has none. Raises OSError and HTTPException."""
    plain = response.headers.get_content_type() == "text/plain"
    text = response.read(MAX_MESSAGE_BYTES).decode("utf-8", "replace") if plain else ""
    return _one_line(text) or _one_line(f"{response.status} {response.reason}")


def _one_line(text: str) -> str:
    # Unprintable characters could be terminal commands.
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
