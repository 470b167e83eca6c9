# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame's data: what scripts publish beside the pictures."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
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
            line = encode(merged, new=own)
            self._data, self._line = merged, line

    def publish_each(self, data: Mapping[str, object]) -> str:
        """Adds the data one by one; returns what cannot be sent, and why, in sentences."""
        problems = []
        for name, value in data.items():
            try:
                self.publish({name: value})
            except TelemetryError as error:
                problems.append(str(error))
        return " ".join(problems)

    def take(self) -> bytes | None:
        """Returns the next frame's data as one line of JSON, once."""
        with self._lock:
            line = self._line
            self._data, self._line = {}, None
            return line


def encode(data: Mapping[str, object], new: Mapping[str, object] | None = None) -> bytes:
    """Returns the data, of which some may be known to do, as one line of ASCII JSON. Raises TelemetryError."""
    if not isinstance(data, dict):
        raise TelemetryError(f"The data must be a dict, such as {{'angle': 31.5}}, not {_kind(data)}.")
    for name in data:
        if not isinstance(name, str):
            raise TelemetryError(f"The data's names must be text, not {_kind(name)} ({name!r}).")
    try:
        line = json.dumps(data, allow_nan=False, separators=(",", ":"), default=_plain).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise TelemetryError(_explain(data, error)) from error
    if len(line) > MOST_BYTES:
        names = _listed(data if new is None else new)
        size = f"the frame's data is {len(line)} bytes as JSON, of at most {MOST_BYTES}"
        raise TelemetryError(f"{names} cannot be sent: with that {size}.")
    return line


class Picked(NamedTuple):
    """Custom properties that were asked for."""

    data: dict[str, object]
    missing: str
    """A sentence that names those which nothing has, empty if there are none."""


def pick(names: str, owners: Mapping[str, Owner | None]) -> Picked:
    """Looks up custom properties by their names, comma separated: of two owners', who are named, the later counts."""
    data: dict[str, object] = {}
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for owner in owners.values():
        for name in wanted:
            value = None if owner is None else owner.get(name)
            if value is not None:
                data[name] = value
    missing = dict.fromkeys(name for name in wanted if name not in data)
    sentence = f"Neither {' nor '.join(owners)} has a custom property {_listed(missing)}." if missing else ""
    return Picked(data, sentence)


def _plain(value: object) -> object:
    """Blender's vectors, colours, arrays and property groups as lists and dicts."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if hasattr(value, "to_list"):
        return value.to_list()
    # Some of Blender's know no iterators.
    goes_through = hasattr(value, "__iter__") or hasattr(value, "__getitem__")
    if goes_through and hasattr(value, "__len__") and not isinstance(value, (bytes, bytearray)):
        return list(value)
    raise TypeError(f"{_kind(value)} cannot become JSON")


def _explain(data: Mapping[str, object], error: Exception) -> str:
    """A sentence that names the value which is at fault."""
    for name, value in data.items():
        try:
            json.dumps(value, allow_nan=False, default=_plain)
        except (TypeError, ValueError, RecursionError) as own:
            reason = "it holds NaN or infinity, which JSON does not know" if "JSON compliant" in str(own) else str(own)
            return f"'{name}' cannot be sent: {reason}."
    return f"The data cannot be sent: {error}."


def _listed(names: Mapping[str, object]) -> str:
    listed = [f"'{name}'" for name in names]
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


def _kind(value: object) -> str:
    return f"a {type(value).__name__}" if value is not None else "None"


telemetry = Telemetry()
"""The data for the next frame of the stream."""


def publish_data(data: Mapping[str, object]) -> None:
    """Sends data with the next frame: a dict of at most 16 KiB as JSON. Where no stream runs, nothing happens.

    Raises TelemetryError, a ValueError, for what cannot be sent.
    """
    telemetry.publish(data)
