# SPDX-License-Identifier: GPL-3.0-or-later
"""When the next frame is due, and how the last ones did."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LINGER = 2.0
"""Seconds without viewers until it rests: a page that is loaded again is away for less."""


class Ticks:
    """Counts ticks by absolute deadlines, so that delays do not add up; late ones are left out, not caught up on."""

    def __init__(self, fps: float, now: Callable[[], float]) -> None:
        self._now = now
        self._period = 1 / fps
        self._start = now()
        self._next = 0
        self._paused: float | None = None

    @property
    def fps(self) -> float:
        """Ticks a second."""
        return 1 / self._period

    def set_fps(self, fps: float) -> None:
        """Changes the pace from the next tick on."""
        period = 1 / fps
        if abs(period - self._period) < 1e-9:
            return
        self._start = self._now() - self._next * period
        self._period = period

    def due_in(self) -> float:
        """Seconds until the next tick, 0 if it is due."""
        return max(0.0, self._start + self._next * self._period - self._now())

    def take(self) -> int:
        """Returns the number of the tick that is due now, the first being 0."""
        # A late tick is taken as itself until the one after it is due: so that slight delays leave none out.
        tick = max(self._next, int((self._now() - self._start) / self._period + 1e-6))
        self._next = tick + 1
        return tick

    def pause(self) -> None:
        """Stops the time until `resume`."""
        if self._paused is None:
            self._paused = self._now()

    def resume(self) -> None:
        """Goes on where `pause` stopped."""
        if self._paused is not None:
            self._start += self._now() - self._paused
            self._paused = None


class Share:
    """Keeps half of the time free: each stretch of work is followed by as long without."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = self._free_until = now()

    def begin(self) -> None:
        """The work begins."""
        self._began = self._now()

    def end(self) -> float:
        """The work is over; returns the seconds it took."""
        now = self._now()
        self._free_until = now + (now - self._began)
        return now - self._began

    def free_for(self) -> float:
        """Seconds until there may be work again."""
        return max(0.0, self._free_until - self._now())


class Figures(NamedTuple):
    """How a stretch of time went."""

    fps: float
    milliseconds: float
    """Of work a frame."""


class Meter:
    """Measures how many frames a second come and how long each takes."""

    def __init__(self, seconds: float, now: Callable[[], float], first: float | None = None) -> None:
        """`first`: the seconds of the first stretch, where it is another."""
        self._seconds = seconds
        self._stretch = seconds if first is None else first
        self._now = now
        self.restart()

    def restart(self) -> None:
        """Begins a new stretch."""
        self._since = self._now()
        self._frames = 0
        self._worked = 0.0

    def frame(self, worked: float) -> None:
        """Counts a frame that took so long."""
        self._frames += 1
        self._worked += worked

    def read(self) -> Figures | None:
        """Returns the figures of a stretch, once it is over."""
        elapsed = self._now() - self._since
        if elapsed < self._stretch:
            return None
        self._stretch = self._seconds
        figures = Figures(self._frames / elapsed, self._worked / max(1, self._frames) * 1000)
        self.restart()
        return figures


class Rest:
    """Decides whether to draw while nobody watches."""

    def __init__(self, always: bool, now: Callable[[], float]) -> None:
        self._always = always
        self._now = now
        self._watched = now()
        self._shown = 0

    def resting(self, viewers: int | None, connections: int) -> bool:
        """Whether there is nobody to draw for. Each connection gets a frame all the same: else it has no picture."""
        # None: a server that does not say.
        if self._always or viewers is None or viewers > 0:
            self._watched = self._now()
            return False
        return self._shown == connections and self._now() - self._watched >= LINGER

    def shown(self, connections: int) -> None:
        """Notes that this connection has a frame."""
        self._shown = connections
