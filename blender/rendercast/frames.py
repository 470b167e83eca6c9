# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames as the publisher sends them: multipart headers and the bytes of one picture."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Frame:
    """One part of the multipart body: header lines, ending with CRLF, and the picture's bytes."""

    headers: bytes
    data: memoryview | bytes
    done: Callable[[], None] | None = None
    """Called once, on any thread, when the bytes are no longer needed."""

    def release(self) -> None:
        """Calls `done`."""
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
    """Returns a frame of raw pixels. `captured` is in seconds since the epoch, by default now."""
    kind = f"application/x-raw-pixels; format={pixels}; width={width}; height={height}; rows={rows}"
    return _frame(kind, data, captured, telemetry, done)


def image_frame(
    data: bytes, kind: str = "image/jpeg", *, captured: float | None = None, telemetry: bytes | None = None
) -> Frame:
    """Returns a frame that is an image file. `kind` is its media type."""
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


KEEPALIVE = Frame(b"Content-Type: application/x-idle\r\n", b"")
"""An empty part that tells the server the publisher is still connected."""
