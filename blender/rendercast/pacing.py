# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame pacing: when the next frame is due, when to pause, and the measured frame rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_DELAY = 2.0
"""Seconds without viewers until drawing pauses. Reloading a page takes less."""


class Ticks:
    """Counts ticks by absolute deadlines, so that delays do not add up. Late ticks are skipped."""

    def __init__(self, fps: float, now: Callable[[], float]) -> None:
        self._now = now
        self._period = 1 / fps
        self._start = now()
        self._next = 0
        self._paused: float | None = None

    @property
    def fps(self) -> float:
        """Ticks per second."""
        return 1 / self._period

    def set_fps(self, fps: float) -> None:
        """Changes the rate from the next tick on."""
        period = 1 / fps
        if abs(period - self._period) < 1e-9:
            return
        self._start = self._now() - self._next * period
        self._period = period

    def due_in(self) -> float:
        """Returns the seconds until the next tick, or 0 if it is due."""
        return max(0.0, self._start + self._next * self._period - self._now())

    def take(self) -> int:
        """Returns the number of the tick that is due, counted from 0."""
        # A late tick keeps its number until the next one is due, so that small delays skip none.
        tick = max(self._next, int((self._now() - self._start) / self._period + 1e-6))
        self._next = tick + 1
        return tick

    def pause(self) -> None:
        """Stops the clock until `resume`."""
        if self._paused is None:
            self._paused = self._now()

    def resume(self) -> None:
        """Continues where `pause` stopped."""
        if self._paused is not None:
            self._start += self._now() - self._paused
            self._paused = None


class Share:
    """Keeps half of the time free: after each piece of work, the same time stays idle."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = self._free_until = now()

    def begin(self) -> None:
        """Marks the start of the work."""
        self._began = self._now()

    def end(self) -> float:
        """Marks the end of the work, and returns the seconds it took."""
        now = self._now()
        self._free_until = now + (now - self._began)
        return now - self._began

    def free_for(self) -> float:
        """Returns the seconds until the next work may start."""
        return max(0.0, self._free_until - self._now())


class Figures(NamedTuple):
    """Measurements of one interval."""

    fps: float
    milliseconds: float
    """Mean work per frame."""


class Meter:
    """Measures the frame rate and the work per frame, interval by interval."""

    def __init__(self, seconds: float, now: Callable[[], float], first: float | None = None) -> None:
        """`seconds`: of each interval. `first`: of the first one, if different."""
        self._seconds = seconds
        self._interval = seconds if first is None else first
        self._now = now
        self.restart()

    def restart(self) -> None:
        """Starts a new interval."""
        self._since = self._now()
        self._frames = 0
        self._worked = 0.0

    def frame(self, worked: float) -> None:
        """Counts a frame and the seconds of work it took."""
        self._frames += 1
        self._worked += worked

    def read(self) -> Figures | None:
        """Returns the figures if the interval is over, and starts the next."""
        elapsed = self._now() - self._since
        if elapsed < self._interval:
            return None
        self._interval = self._seconds
        figures = Figures(self._frames / elapsed, self._worked / max(1, self._frames) * 1000)
        self.restart()
        return figures


class ViewerPause:
    """Decides whether drawing pauses because the stream has no viewers."""

    def __init__(self, always: bool, now: Callable[[], float]) -> None:
        self._always = always
        self._now = now
        self._watched = now()
        self._shown = 0

    def paused(self, viewers: int | None, connections: int) -> bool:
        """Returns whether drawing pauses. Each connection gets one frame first: viewers who join need a picture.

        `viewers`: None if the server does not report it; then drawing goes on.
        """
        if self._always or viewers is None or viewers > 0:
            self._watched = self._now()
            return False
        return self._shown == connections and self._now() - self._watched >= PAUSE_DELAY

    def shown(self, connections: int) -> None:
        """Records that this connection got a frame."""
        self._shown = connections
