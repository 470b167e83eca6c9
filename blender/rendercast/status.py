# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the server's events: the number of viewers, and what else a subclass reads."""

from __future__ import annotations

import http.client
import json
import threading
from typing import TYPE_CHECKING

from . import answer
from .address import hang_up

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator

    from .address import Address

EVENT_TIMEOUT = 5.0
"""Seconds without an event until the connection counts as lost. The server sends one a second."""
RETRY_DELAY = 1.0
"""Seconds until the next connection."""


class EventReader:
    """Follows events of a stream on a thread of its own, and reconnects until it is stopped."""

    route = ""
    """The last part of the path, below the stream's name."""

    def __init__(self, address: Address, stream: str, token: str = "") -> None:
        self._address = address
        self._stream = stream
        self._token = token
        self._stopping = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name=f"rendercast {self.route}", daemon=True)
        self.refusal = ""
        """Why the server refuses these events, a sentence, or empty."""

    def start(self) -> None:
        """Starts connecting."""
        self._thread.start()

    def stop(self, within: float = 1.0) -> None:
        """Closes the connection, and waits up to `within` seconds for the thread."""
        self._stopping.set()
        hang_up(self._socket)
        if self._thread.ident:
            self._thread.join(within)

    def heard(self, event: str, data: str) -> None:
        """Takes an event, on the reader's thread."""
        raise NotImplementedError

    def lost(self) -> None:
        """Drops what earlier events said: the connection ended."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception:
                # After any error the previous number is out of date.
                pass
            self.lost()
            self._stopping.wait(RETRY_DELAY)

    def _follow(self) -> None:
        with self._address.connect(EVENT_TIMEOUT) as connection:
            self._socket = connection
            try:
                path = f"/streams/{self._stream}/{self.route}"
                connection.sendall(self._address.request("GET", path, self._token, {"Accept": "text/event-stream"}))
                source = answer.Limited(connection)
                source.allow(EVENT_TIMEOUT)
                with answer.begin(source, "GET") as response:
                    if response.status == http.client.OK:
                        self.refusal = ""
                        self._read(response, source)
                    elif response.status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
                        self.refusal = answer.sentence_of(response)
            finally:
                self._socket = None

    def _read(self, response: http.client.HTTPResponse, source: answer.Limited) -> None:
        for event, data in read_events(response):
            if self._stopping.is_set():
                return
            self.heard(event, data)
            source.allow(EVENT_TIMEOUT)


class StatusReader(EventReader):
    """Reads the number of viewers."""

    route = "events"

    def __init__(self, address: Address, stream: str, token: str = "") -> None:
        super().__init__(address, stream, token)
        self.viewers: int | None = None
        """The number of viewers, or None if it is unknown."""

    def heard(self, event: str, data: str) -> None:
        """Implements EventReader."""
        if event == "stream":
            self.viewers = viewers_of(data)

    def lost(self) -> None:
        """Implements EventReader."""
        self.viewers = None


def viewers_of(data: str) -> int | None:
    """Returns the number of viewers in a stream's description, or None if it has no valid one."""
    try:
        viewers = json.loads(data).get("viewers")
    except (ValueError, AttributeError, RecursionError):
        return None
    return viewers if isinstance(viewers, int) and not isinstance(viewers, bool) and viewers >= 0 else None


def read_events(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yields the name and the data of each server-sent event."""
    event, data = "message", []
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            if data:
                yield event, "\n".join(data)
            event, data = "message", []
            continue
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        elif name == "data":
            data.append(value)
