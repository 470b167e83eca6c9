# SPDX-License-Identifier: GPL-3.0-or-later
"""Hears from the server how many watch."""

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

SILENT_AFTER = 5.0
"""Seconds without an event, of which one comes each second, until the connection counts as lost."""
TRY_AGAIN_AFTER = 1.0


class StatusReader:
    """Follows the events of a stream on a thread of its own."""

    def __init__(self, address: Address, stream: str, token: str = "") -> None:
        self._address = address
        self._stream = stream
        self._token = token
        self._stopping = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="rendercast status", daemon=True)
        self.viewers: int | None = None
        """How many watch; None while that is not known."""

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self, within: float = 1.0) -> None:
        """Ends it."""
        self._stopping.set()
        hang_up(self._socket)
        if self._thread.ident:
            self._thread.join(within)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception:
                # Whatever the server says, the number it said before counts no longer.
                pass
            self.viewers = None
            self._stopping.wait(TRY_AGAIN_AFTER)

    def _follow(self) -> None:
        with self._address.connect(SILENT_AFTER) as connection:
            self._socket = connection
            try:
                path = f"/streams/{self._stream}/events"
                connection.sendall(self._address.request("GET", path, self._token, {"Accept": "text/event-stream"}))
                source = answer.Limited(connection)
                source.allow(SILENT_AFTER)
                with answer.begin(source, "GET") as response:
                    if response.status == http.client.OK:
                        self._read(response, source)
            finally:
                self._socket = None

    def _read(self, response: http.client.HTTPResponse, source: answer.Limited) -> None:
        for event, data in read_events(response):
            if self._stopping.is_set():
                return
            if event == "stream":
                self.viewers = viewers_of(data)
            source.allow(SILENT_AFTER)


def viewers_of(data: str) -> int | None:
    """The number of viewers in a stream's description."""
    try:
        viewers = json.loads(data).get("viewers")
    except (ValueError, AttributeError, RecursionError):
        return None
    return viewers if isinstance(viewers, int) and not isinstance(viewers, bool) and viewers >= 0 else None


def read_events(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yields the name and data of each server-sent event."""
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
