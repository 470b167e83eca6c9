# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends frames to the server: a thread with one connection, and room for one frame."""

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
from .frames import IDLE
from .wire import BOUNDARY, SLICE, Answered, Lost, Wire

if TYPE_CHECKING:
    from .address import Address
    from .answer import Answer
    from .frames import Frame

IDLE_AFTER = 1.0
"""Seconds without a frame until the server is told that the publisher is still there."""
CONNECT_WITHIN = 5.0
ANSWER_WITHIN = 5.0
"""Seconds in which a server that has begun to answer has to come to its end."""
SETTLED_AFTER = 0.4
"""Seconds without an answer until a connection counts as good: a refusal comes in the first moment."""
LASTING = 6.0
"""Seconds after which a connection that ends is no sign that the next one will."""
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 4.0

_HEADERS = {
    "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}",
    "Transfer-Encoding": "chunked",
    "User-Agent": "rendercast-blender",
}


class Status(NamedTuple):
    """How the publisher does, at one moment."""

    state: str
    """`connecting`, `live`, `away` or `waiting` (refused for now; trying again), `refused` (for good) or `ended`."""
    problem: str
    """A sentence for the user, empty while all is well."""
    sent: int
    dropped: int
    """Frames that a newer one replaced before they could be sent, or that were lost with a connection."""
    connections: int
    """How many there have been: a new one needs a frame of its own, whoever watches."""


@dataclass
class _Slot:
    """What the thread and its owner share, under one condition."""

    condition: threading.Condition = field(default_factory=threading.Condition)
    frame: tuple[int, Frame] | None = None
    number: int = 0
    stopping: bool = False


class Publisher:
    """Publishes one stream. Connects anew by itself until it is stopped, or refused for good."""

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
        """How it does."""
        return self._status

    @property
    def connected(self) -> bool:
        """Whether a frame sent now has somewhere to go."""
        return self._status.state == "live"

    def start(self) -> None:
        """Begins to connect."""
        self._thread.start()

    def send(self, frame: Frame) -> None:
        """Hands over a frame, in place of one that still waits. Returns at once."""
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
        """Waits until the thread has the newest frame in work; returns whether it has."""
        with self._slot.condition:
            return self._slot.condition.wait_for(lambda: self._slot.frame is None, seconds)

    def stop(self, within: float = 2.0) -> bool:
        """Sends what waits and the end, and returns when all is over; False if it had to be cut short."""
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
            self._thread.join(SLICE)
        return in_time

    # All below runs on the thread, except _count.

    def _run(self) -> None:
        pause = FIRST_PAUSE
        try:
            while not self._slot.stopping:
                began = time.monotonic()
                try:
                    refusal = self._publish()
                except Lost as lost:
                    self._note("away", str(lost))
                else:
                    if refusal is None:
                        break
                    if refusal.final:
                        self._note("refused", refusal.sentence)
                        return
                    self._note("waiting", f"{refusal.sentence.rstrip('.')}; trying again")
                self._discard()
                if time.monotonic() - began > LASTING:
                    pause = FIRST_PAUSE
                self._rest(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            self._note("ended", self._status.problem)
        except Exception as error:
            # Whatever it is, nobody would hear of it otherwise: the thread would be gone without a word.
            self._note("refused", f"Publishing to {self._address} failed ({type(error).__name__}: {error})")
        finally:
            with self._slot.condition:
                self._slot.stopping = True
            self._discard()

    def _publish(self) -> Answer | None:
        """One connection, to its end: returns None if that is as asked, or what the server said. Raises Lost."""
        try:
            connection = self._address.connect(CONNECT_WITHIN)
        except socket.gaierror as error:
            host = self._address.host
            if error.errno == socket.EAI_AGAIN:
                raise Lost(f"The address of the host {host} cannot be looked up now; trying again") from error
            raise Lost(f"There is no host called {host}; check the address") from error
        except ssl.SSLError as error:
            raise Lost(f"The server at {self._address} cannot be trusted ({error.reason}); trying again") from error
        except OSError as error:
            raise Lost(f"The server at {self._address} is away; trying again") from error
        with connection, selectors.DefaultSelector() as selector:
            self._socket = connection
            try:
                selector.register(connection, selectors.EVENT_READ)
                wire = Wire(connection, selector)
                return self._converse(wire, connection)
            except Answered as answered:
                # Nobody is to draw for it while it speaks, which may take a while.
                self._note("away", self._status.problem)
                return self._read_answer(connection, answered.early)
            except OSError as error:
                self._note("away", self._status.problem)
                # What it said before it hung up may still be there to read.
                try:
                    return self._read_answer(connection)
                except Lost:
                    raise Lost(f"The connection to {self._address} broke; trying again") from error
            finally:
                self._socket = None

    def _converse(self, wire: Wire, connection: socket.socket) -> Answer | None:
        path = f"/streams/{self._stream}{'?takeover' if self._takeover else ''}"
        wire.send(self._address.request("POST", path, self._token, _HEADERS))
        self._settle(wire)
        self._note("live", "", connections=1)
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

    def _settle(self, wire: Wire) -> None:
        """Waits for a refusal, which is to come before any frame is drawn for it. Raises Answered."""
        until = time.monotonic() + SETTLED_AFTER
        while not self._slot.stopping and (left := until - time.monotonic()) > 0:
            wire.check(min(left, 0.05))

    def _next(self) -> tuple[int, Frame | None]:
        """Waits for the next frame: the idle one after a while, None at the end."""
        slot = self._slot
        with slot.condition:
            slot.condition.wait_for(lambda: slot.frame or slot.stopping, IDLE_AFTER)
            if slot.frame:
                number, frame = slot.frame
                slot.frame = None
                slot.condition.notify_all()
                return number, frame
            return 0, (None if slot.stopping else IDLE)

    def _finish(self, wire: Wire, connection: socket.socket) -> Answer | None:
        """Waits a moment for the server to have all, or to say what it has against the last of it."""
        try:
            wire.check(0.5)
        except Answered as answered:
            try:
                said = self._read_answer(connection, answered.early)
            except Lost:
                return None
            return None if said.success else said
        except OSError:
            pass
        return None

    def _read_answer(self, connection: socket.socket, early: bytes = b"") -> Answer:
        try:
            said = answer.read(connection, early, ANSWER_WITHIN)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Lost(f"The server at {self._address} closed the connection; trying again") from error
        return said._replace(sentence=f"The server at {self._address} refuses: {said.sentence}")

    def _note(self, state: str, problem: str, connections: int = 0) -> None:
        with self._slot.condition:
            now = self._status
            self._status = now._replace(state=state, problem=problem, connections=now.connections + connections)

    def _count(self, sent: int = 0, dropped: int = 0) -> None:
        with self._slot.condition:
            now = self._status
            self._status = now._replace(sent=now.sent + sent, dropped=now.dropped + dropped)

    def _discard(self) -> None:
        """Drops the frame that waits: by the time of the next connection it is an old one."""
        with self._slot.condition:
            waiting, self._slot.frame = self._slot.frame, None
            self._slot.condition.notify_all()
        if waiting:
            waiting[1].release()
            self._count(dropped=1)

    def _rest(self, seconds: float) -> None:
        with self._slot.condition:
            self._slot.condition.wait_for(lambda: self._slot.stopping, seconds)
