# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends frames to the server on a thread of its own: one connection, and a queue of one frame."""

from __future__ import annotations

import http.client
import selectors
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from . import answer
from .address import hang_up
from .frames import KEEPALIVE
from .wire import BOUNDARY, SEND_TIMEOUT, ConnectionLost, EarlyResponse, Wire

if TYPE_CHECKING:
    from .address import Address
    from .answer import Answer
    from .frames import Frame

KEEPALIVE_INTERVAL = 1.0
"""Seconds without a frame until an empty part tells the server that the publisher is still there."""
CONNECT_TIMEOUT = 5.0
RESPONSE_TIMEOUT = 5.0
"""Seconds for the server to complete a response that it has begun."""
REFUSAL_WAIT = 0.4
"""Seconds after the request until the connection counts as accepted: servers refuse at once."""
CLOSING_WAIT = 0.5
"""Seconds after the last frame in which the server may still refuse it."""
BACKOFF_RESET_AFTER = 6.0
"""Seconds that a connection must last to reset the back-off."""
FIRST_BACKOFF = 0.25
MAX_BACKOFF = 4.0

_HEADERS = {
    "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}",
    "Transfer-Encoding": "chunked",
    "User-Agent": "rendercast-blender",
}


class Status(NamedTuple):
    """A snapshot of the publisher's state."""

    state: str
    """`connecting`, `live`, `away` (no connection), `waiting` (refused, retrying), `refused` (finally) or `ended`."""
    problem: str
    """A sentence for the user, or empty."""
    sent: int
    dropped: int
    """Frames that a newer one replaced before they were sent, or that were lost with a connection."""
    connections: int
    """Connections accepted so far. The server needs a frame on each, even without viewers."""


@dataclass
class _Slot:
    """State that the thread and its owner share, guarded by the condition."""

    condition: threading.Condition = field(default_factory=threading.Condition)
    frame: tuple[int, Frame] | None = None
    number: int = 0
    stopping: bool = False


class Publisher:
    """Publishes one stream. Reconnects until it is stopped or finally refused."""

    def __init__(self, address: Address, stream: str, token: str = "", *, takeover: bool = False) -> None:
        self._address = address
        self._stream = stream
        self._token = token
        self._takeover = takeover
        self._slot = _Slot()
        self._status = Status("connecting", "", 0, 0, 0)
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="rendercast publisher", daemon=True)

    @property
    def status(self) -> Status:
        """The current state."""
        return self._status

    @property
    def connected(self) -> bool:
        """Whether the server accepts frames now."""
        return self._status.state == "live"

    def start(self) -> None:
        """Starts connecting."""
        self._thread.start()

    def send(self, frame: Frame) -> None:
        """Queues a frame, replacing one that still waits. Returns at once."""
        slot = self._slot
        with slot.condition:
            slot.number += 1
            waiting = slot.frame
            refused = slot.stopping or self._status.state in ("refused", "ended")
            if not refused:
                slot.frame = (slot.number, frame)
                slot.condition.notify_all()
        if refused:
            frame.release()
        elif waiting:
            waiting[1].release()
            self._count(dropped=1)

    def wait_until_taken(self, seconds: float) -> bool:
        """Waits until the thread takes the queued frame. Returns False on a timeout."""
        with self._slot.condition:
            return self._slot.condition.wait_for(lambda: self._slot.frame is None, seconds)

    def stop(self, within: float = 2.0) -> bool:
        """Sends the queued frame and the end of the body. Returns False if `within` seconds were too few."""
        slot = self._slot
        with slot.condition:
            slot.stopping = True
            slot.condition.notify_all()
        if not self._thread.ident:
            return True
        self._thread.join(within)
        in_time = not self._thread.is_alive()
        if not in_time:
            hang_up(self._socket)
            self._thread.join(SEND_TIMEOUT)
        return in_time

    # Everything below runs on the thread, except _count.

    def _run(self) -> None:
        backoff = FIRST_BACKOFF
        try:
            while not self._slot.stopping:
                began = time.monotonic()
                try:
                    refusal = self._publish()
                except ConnectionLost as lost:
                    self._set_state("away", str(lost))
                else:
                    if refusal is None:
                        break
                    if refusal.final:
                        self._set_state("refused", refusal.sentence)
                        return
                    self._set_state("waiting", f"{refusal.sentence.rstrip('.')}; retrying")
                self._discard()
                if time.monotonic() - began > BACKOFF_RESET_AFTER:
                    backoff = FIRST_BACKOFF
                self._sleep(backoff)
                backoff = min(backoff * 2, MAX_BACKOFF)
            self._set_state("ended", self._status.problem)
        except Exception as error:
            # Report unforeseen errors too: otherwise the thread would end silently.
            self._set_state("refused", f"Publishing to {self._address} failed ({type(error).__name__}: {error})")
        finally:
            with self._slot.condition:
                self._slot.stopping = True
            self._discard()

    def _publish(self) -> Answer | None:
        """Runs one connection. Returns None after `stop`, or the server's refusal. Raises ConnectionLost."""
        try:
            connection = self._address.connect(CONNECT_TIMEOUT)
        except socket.gaierror as error:
            host = self._address.host
            if error.errno == socket.EAI_AGAIN:
                raise ConnectionLost(f"Cannot look up the host {host} now; retrying") from error
            raise ConnectionLost(f"There is no host {host}; check the address") from error
        except ssl.SSLError as error:
            raise ConnectionLost(f"The TLS connection to {self._address} failed ({error.reason}); retrying") from error
        except OSError as error:
            raise ConnectionLost(f"Cannot reach the server at {self._address}; retrying") from error
        with connection, selectors.DefaultSelector() as selector:
            self._socket = connection
            try:
                selector.register(connection, selectors.EVENT_READ)
                wire = Wire(connection, selector)
                return self._converse(wire, connection)
            except EarlyResponse as response:
                # Not live any more: the response may take a while, and no frame is needed meanwhile.
                self._set_state("away", self._status.problem)
                return self._read_answer(connection, response.received)
            except OSError as error:
                self._set_state("away", self._status.problem)
                # A response sent before the connection broke may still be readable.
                try:
                    return self._read_answer(connection)
                except ConnectionLost:
                    raise ConnectionLost(f"The connection to {self._address} broke; retrying") from error
            finally:
                self._socket = None

    def _converse(self, wire: Wire, connection: socket.socket) -> Answer | None:
        path = f"/streams/{self._stream}{'?takeover' if self._takeover else ''}"
        wire.send(self._address.request("POST", path, self._token, _HEADERS))
        self._wait_for_refusal(wire)
        self._set_state("live", "", connections=1)
        while True:
            number, frame = self._next()
            if frame is None:
                wire.finish()
                return self._finish(wire, connection)
            try:
                wire.check()
                wire.send_part(number, frame)
            except BaseException:
                if number:
                    self._count(dropped=1)
                raise
            finally:
                frame.release()
            if number:
                self._count(sent=1)

    def _wait_for_refusal(self, wire: Wire) -> None:
        """Waits for a refusal before any frame is drawn. Raises EarlyResponse."""
        until = time.monotonic() + REFUSAL_WAIT
        while not self._slot.stopping and (left := until - time.monotonic()) > 0:
            wire.check(min(left, 0.05))

    def _next(self) -> tuple[int, Frame | None]:
        """Waits for the next frame. Returns the keepalive after KEEPALIVE_INTERVAL, and None at the end."""
        slot = self._slot
        with slot.condition:
            slot.condition.wait_for(lambda: slot.frame or slot.stopping, KEEPALIVE_INTERVAL)
            if slot.frame:
                number, frame = slot.frame
                slot.frame = None
                slot.condition.notify_all()
                return number, frame
            return 0, (None if slot.stopping else KEEPALIVE)

    def _finish(self, wire: Wire, connection: socket.socket) -> Answer | None:
        """Waits a moment for the server to refuse the last frame."""
        try:
            wire.check(CLOSING_WAIT)
        except EarlyResponse as response:
            try:
                said = self._read_answer(connection, response.received)
            except ConnectionLost:
                return None
            return None if said.success else said
        except OSError:
            pass
        return None

    def _read_answer(self, connection: socket.socket, received: bytes = b"") -> Answer:
        try:
            said = answer.read(connection, received, RESPONSE_TIMEOUT)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ConnectionLost(f"The server at {self._address} closed the connection; retrying") from error
        return said._replace(sentence=f"The server at {self._address} refused: {said.sentence}")

    def _set_state(self, state: str, problem: str, connections: int = 0) -> None:
        with self._slot.condition:
            now = self._status
            self._status = now._replace(state=state, problem=problem, connections=now.connections + connections)

    def _count(self, sent: int = 0, dropped: int = 0) -> None:
        with self._slot.condition:
            now = self._status
            self._status = now._replace(sent=now.sent + sent, dropped=now.dropped + dropped)

    def _discard(self) -> None:
        """Drops the queued frame: on the next connection it would be stale."""
        with self._slot.condition:
            waiting, self._slot.frame = self._slot.frame, None
            self._slot.condition.notify_all()
        if waiting:
            waiting[1].release()
            self._count(dropped=1)

    def _sleep(self, seconds: float) -> None:
        with self._slot.condition:
            self._slot.condition.wait_for(lambda: self._slot.stopping, seconds)
