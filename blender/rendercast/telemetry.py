# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame's data: what scripts publish beside the pictures."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    class Owner(Protocol):
        """What has custom properties, such as a scene or an object."""

        def get(self, name: str) -> object: ...


MOST_BYTES = 16 * 1024
"""Of JSON with one frame."""


class TelemetryError(ValueError):
    """Why data cannot go with a frame: a sentence for the script's author."""


class Telemetry:
    """Collects the data for the next frame; any thread may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._data: dict[str, object] = {}
        self._line: bytes | None = None

    def publish(self, data: Mapping[str, object]) -> None:
        """Adds the data to the next frame's. Of two values by one name the later one counts. Raises TelemetryError."""
        # As plain JSON values at once: what the script changes afterwards is no longer this frame's.
        own = json.loads(encode(data))
        with self._lock:
            merged = {**self._data, **own}
            line = encode(merged, "the frame's data with what was published before")
            self._data, self._line = merged, line

    def take(self) -> bytes | None:
        """Returns the next frame's data as one line of JSON, once."""
        with self._lock:
            line = self._line
            self._data, self._line = {}, None
            return line


def encode(data: Mapping[str, object], what: str = "the data") -> bytes:
    """Returns the data as one line of ASCII JSON. Raises TelemetryError."""
    if not isinstance(data, dict):
        raise TelemetryError(f"publish_data takes a dict, such as {{'angle': 31.5}}, not {_kind(data)}.")
    for name in data:
        if not isinstance(name, str):
            raise TelemetryError(f"publish_data takes names that are text, not {_kind(name)} ({name!r}).")
    try:
        line = json.dumps(data, allow_nan=False, separators=(",", ":"), default=_plain).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise TelemetryError(_explain(data, error)) from error
    if len(line) > MOST_BYTES:
        raise TelemetryError(f"{what} is {len(line)} bytes as JSON, and a frame carries at most {MOST_BYTES}.")
    return line


def pick(names: str, owners: Iterable[Owner | None]) -> dict[str, object]:
    """Looks up custom properties by their names, comma separated: a later owner's counts, a missing one is left out."""
    found: dict[str, object] = {}
    for owner in owners:
        for name in (name.strip() for name in names.split(",")):
            value = owner.get(name) if owner and name else None
            if value is not None:
                found[name] = value
    return found


def _plain(value: object) -> object:
    """Blender's vectors, colours and property groups as lists and dicts."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if hasattr(value, "__iter__") and hasattr(value, "__len__") and not isinstance(value, (bytes, bytearray)):
        return list(value)
    raise TypeError(f"{_kind(value)} cannot become JSON")


def _explain(data: Mapping[str, object], error: Exception) -> str:
    """A sentence that names the value which is at fault."""
    for name, value in data.items():
        try:
            json.dumps(value, allow_nan=False, default=_plain)
        except (TypeError, ValueError, RecursionError) as own:
            reason = "holds NaN or infinity, which JSON does not know" if "JSON compliant" in str(own) else str(own)
            return f"publish_data cannot send '{name}': {reason}."
    return f"publish_data cannot send this: {error}."


def _kind(value: object) -> str:
    return f"a {type(value).__name__}" if value is not None else "None"


telemetry = Telemetry()
"""The data for the next frame of the stream."""


def publish_data(data: Mapping[str, object]) -> None:
    """Sends data with the next frame: a dict of at most 16 KiB as JSON. Where no stream runs, nothing happens.

    Raises TelemetryError, a ValueError, for what cannot be sent.
    """
    telemetry.publish(data)
