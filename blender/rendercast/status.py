# SPDX-License-Identifier: GPL-3.0-or-later
"""Hears from the server how many watch."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .address import Address

SILENT_AFTER = 5.0
"""Seconds without an event, of which one comes each second, until the connection counts as lost."""
TRY_AGAIN_AFTER = 1.0


class _Connection(http.client.HTTPConnection):
    """An HTTP connection to any address."""

    def __init__(self, address: Address) -> None:
        super().__init__(address.host, address.port, timeout=SILENT_AFTER)
        self._address = address

    def connect(self) -> None:
        self.sock = self._address.connect(SILENT_AFTER)


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
        connection = self._socket
        if connection:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if self._thread.ident:
            self._thread.join(within)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except (OSError, http.client.HTTPException, ValueError):
                pass
            self.viewers = None
            self._stopping.wait(TRY_AGAIN_AFTER)

    def _follow(self) -> None:
        connection = _Connection(self._address)
        try:
            connection.connect()
            # http.client forgets its socket once the answer has begun, which has no end.
            self._socket = connection.sock
            headers = {"Accept": "text/event-stream", "Host": self._address.authority}
            if self._token:
                headers["Authorization"] = f"Bearer {self._token}"
            connection.request("GET", f"/streams/{self._stream}/events", headers=headers)
            response = connection.getresponse()
            if response.status != http.client.OK:
                return
            for event, data in read_events(response):
                if self._stopping.is_set():
                    return
                if event == "stream":
                    self.viewers = viewers_of(data)
        finally:
            self._socket = None
            connection.close()


def viewers_of(data: str) -> int | None:
    """The number of viewers in a stream's description."""
    try:
        viewers = json.loads(data).get("viewers")
    except (ValueError, AttributeError):
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
