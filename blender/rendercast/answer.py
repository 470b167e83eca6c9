# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a server says: no longer, and no more of it, than a server has a reason to say."""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket

MOST_BYTES = 256 * 1024
"""At a stretch, HTTP's own included: no answer and no event comes near it."""
MOST_LETTERS = 600
"""Of what a server says, in bytes."""

# Whoever stands on the other side, these do not change by trying again.
_FINAL = frozenset({400, 401, 403, 404, 405, 411, 413, 414, 415, 426, 431})
# With 409: a publisher that is there may go, while a stream that is no publisher's stays so.
_OTHER_SOURCE = "has another source"


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


class Answer(NamedTuple):
    """What the server says; a refusal, unless it comes after the end."""

    sentence: str
    final: bool
    """Whether trying again is of no use."""
    success: bool
    """Whether it says that all went well."""


def read(connection: socket.socket, early: bytes, seconds: float) -> Answer:
    """Reads a publisher's answer, some of which was read already. Raises OSError, HTTPException and ValueError."""
    source = Limited(connection, early)
    source.allow(seconds)
    with begin(source, "POST") as response:
        plain = response.headers.get_content_type() == "text/plain"
        text = response.read(MOST_LETTERS).decode("utf-8", "replace") if plain else ""
    sentence = _one_line(text) or _one_line(f"{response.status} {response.reason}")
    final = response.status in _FINAL or (response.status == http.client.CONFLICT and _OTHER_SOURCE in sentence)
    return Answer(sentence, final, response.status < 300)


def _one_line(text: str) -> str:
    # What is no letter may be a command to a terminal.
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
