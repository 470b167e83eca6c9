# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends frames to the server: a thread with one connection, and room for one frame.

docs/protocol.md describes the protocol. It is spoken here over a bare socket, so that a frame's pixels go from
Blender's memory into the kernel without a copy, and without holding Python's lock meanwhile.
"""

from __future__ import annotations

import http.client
import selectors
import socket
import ssl
import struct
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from . import answer
from .address import hang_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from .address import Address

BOUNDARY = b"rendercast-frame"
IDLE_AFTER = 1.0
"""Seconds without a frame until the server is told that the publisher is still there."""
CONNECT_WITHIN = 5.0
ANSWER_WITHIN = 5.0
"""Seconds in which a server that has begun to answer has to come to its end."""
STALLED_AFTER = 10.0
"""Seconds in which the server takes nothing until the connection counts as lost."""
SETTLED_AFTER = 0.4
"""Seconds without an answer until a connection counts as good: a refusal comes in the first moment."""
MOST_LETTERS = 600
"""Of what a server says, in bytes."""
LASTING = 6.0
"""Seconds after which a connection that ends is no sign that the next one will."""
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 4.0
SLICE = 0.5
"""Seconds a send may block before this side looks whether it is refused or to stop."""

# Whoever stands on the other side, these do not change by trying again.
_FINAL = frozenset({400, 401, 403, 404, 405, 411, 413, 414, 415, 426, 431})
# With 409: a publisher that is there may go, while a stream that is no publisher's stays so.
_OTHER_SOURCE = "has another source"


@dataclass(frozen=True)
class Frame:
    """A picture with all that the server is to know of it."""

    headers: bytes
    data: memoryview | bytes
    done: Callable[[], None] | None = None
    """Called once, on any thread, when the bytes are no longer needed."""

    def release(self) -> None:
        """Says that the bytes are no longer needed."""
        if self.done:
            self.done()


def raw_frame(
    data: memoryview | bytes,
    width: int,
    height: int,
    *,
    pixels: str = "rgba",
    rows: str = "top-down",
    captured: float | None = None,
    telemetry: bytes | None = None,
    done: Callable[[], None] | None = None,
) -> Frame:
    """A frame of bare pixels; `captured` in seconds since the epoch."""
    kind = f"application/x-raw-pixels; format={pixels}; width={width}; height={height}; rows={rows}"
    return _frame(kind, data, captured, telemetry, done)


def image_frame(
    data: bytes, kind: str = "image/jpeg", *, captured: float | None = None, telemetry: bytes | None = None
) -> Frame:
    """A frame that is a picture file."""
    return _frame(kind, data, captured, telemetry, None)


def _frame(
    kind: str,
    data: memoryview | bytes,
    captured: float | None,
    telemetry: bytes | None,
    done: Callable[[], None] | None,
) -> Frame:
    milliseconds = (time.time() if captured is None else captured) * 1000
    headers = f"Content-Type: {kind}\r\nX-Captured: {milliseconds:.3f}\r\n".encode("ascii")
    if telemetry is not None:
        headers += b"X-Telemetry: " + telemetry + b"\r\n"
    return Frame(headers, data, done)


_HEADERS = {
    "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}",
    "Transfer-Encoding": "chunked",
    "User-Agent": "rendercast-blender",
}
_IDLE = Frame(b"Content-Type: application/x-idle\r\n", b"")


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


class _Answered(Exception):
    """The server has something to say before the end."""

    def __init__(self, early: bytes = b"") -> None:
        """`early`: what of it was read already."""
        self.early = early


class _Lost(Exception):
    """The connection broke, for the reason in the sentence."""


class _Answer(NamedTuple):
    """What the server says; a refusal, unless it comes after the end."""

    sentence: str
    final: bool
    """Whether trying again is of no use."""
    success: bool
    """Whether it says that all went well."""


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
                except _Lost as lost:
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

    def _publish(self) -> _Answer | None:
        """One connection, to its end: returns None if that is as asked, or what the server said. Raises _Lost."""
        try:
            connection = self._address.connect(CONNECT_WITHIN)
        except socket.gaierror as error:
            host = self._address.host
            if error.errno == socket.EAI_AGAIN:
                raise _Lost(f"The address of the host {host} cannot be looked up now; trying again") from error
            raise _Lost(f"There is no host called {host}; check the address") from error
        except ssl.SSLError as error:
            raise _Lost(f"The server at {self._address} cannot be trusted ({error.reason}); trying again") from error
        except OSError as error:
            raise _Lost(f"The server at {self._address} is away; trying again") from error
        with connection, selectors.DefaultSelector() as selector:
            self._socket = connection
            try:
                selector.register(connection, selectors.EVENT_READ)
                wire = _Wire(connection, selector, lambda: self._slot.stopping)
                return self._converse(wire, connection)
            except _Answered as answered:
                # Nobody is to draw for it while it speaks, which may take a while.
                self._note("away", self._status.problem)
                return self._read_answer(connection, answered.early)
            except OSError as error:
                self._note("away", self._status.problem)
                # What it said before it hung up may still be there to read.
                try:
                    return self._read_answer(connection)
                except _Lost:
                    raise _Lost(f"The connection to {self._address} broke; trying again") from error
            finally:
                self._socket = None

    def _converse(self, wire: _Wire, connection: socket.socket) -> _Answer | None:
        path = f"/streams/{self._stream}{'?takeover' if self._takeover else ''}"
        wire.send(self._address.request("POST", path, self._token, _HEADERS))
        self._settle(wire)
        self._note("live", "", connections=1)
        while True:
            number, frame = self._next()
            if frame is None:
                wire.send(_chunk(b"--" + BOUNDARY + b"--\r\n") + b"0\r\n\r\n")
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

    def _settle(self, wire: _Wire) -> None:
        """Waits for a refusal, which is to come before any frame is drawn for it. Raises _Answered."""
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
            return 0, (None if slot.stopping else _IDLE)

    def _finish(self, wire: _Wire, connection: socket.socket) -> _Answer | None:
        """Waits a moment for the server to have all, or to say what it has against the last of it."""
        try:
            wire.check(0.5)
        except _Answered as answered:
            try:
                said = self._read_answer(connection, answered.early)
            except _Lost:
                return None
            return None if said.success else said
        except OSError:
            pass
        return None

    def _read_answer(self, connection: socket.socket, early: bytes = b"") -> _Answer:
        source = answer.Limited(connection, early)
        source.allow(ANSWER_WITHIN)
        try:
            with answer.begin(source, "POST") as response:
                plain = response.headers.get_content_type() == "text/plain"
                text = response.read(MOST_LETTERS).decode("utf-8", "replace") if plain else ""
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _Lost(f"The server at {self._address} closed the connection; trying again") from error
        sentence = _one_line(text) or _one_line(f"{response.status} {response.reason}")
        final = response.status in _FINAL or (response.status == http.client.CONFLICT and _OTHER_SOURCE in sentence)
        return _Answer(f"The server at {self._address} refuses: {sentence}", final, response.status < 300)

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


class _Wire:
    """A connection to send on, that notices an early answer."""

    def __init__(
        self, connection: socket.socket, selector: selectors.BaseSelector, stopping: Callable[[], bool]
    ) -> None:
        self._connection = connection
        self._selector = selector
        self._stopping = stopping
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
        """Raises _Answered if the server says something within that time."""
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
        raise _Answered(early)

    def send_part(self, number: int, frame: Frame) -> None:
        """Sends one part as one chunk."""
        head = b"--" + BOUNDARY + b"\r\n" + frame.headers
        if number:
            head += b"X-Frame-Number: %d\r\n" % number
        head += b"Content-Length: %d\r\n\r\n" % len(frame.data)
        size = len(head) + len(frame.data) + 2
        self.send(b"%x\r\n" % size + head, frame.data, b"\r\n\r\n")

    def send(self, *pieces: memoryview | bytes) -> None:
        """Sends all the pieces. Raises _Answered, _Lost or OSError."""
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
                raise _Lost("The server takes no more pictures; connecting anew")

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


def _one_line(text: str) -> str:
    # What is no letter may be a command to a terminal.
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n" % len(data) + data + b"\r\n"
