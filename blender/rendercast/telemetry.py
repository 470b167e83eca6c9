# SPDX-License-Identifier: GPL-3.0-or-later
"""Telemetry: the data that scripts publish with each frame."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class Owner(Protocol):
        """Anything with custom properties, such as a scene or an object."""

        def get(self, name: str) -> object:
            """Returns the property, or None."""
            ...


MAX_BYTES = 16 * 1024
"""Per frame, as JSON."""


class TelemetryError(ValueError):
    """Data that cannot be sent. The message is a sentence for the script's author."""


class Telemetry:
    """Collects the data for the next frame. Any thread may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._data: dict[str, object] = {}
        self._line: bytes | None = None

    def publish(self, data: Mapping[str, object]) -> None:
        """Adds data to the next frame; later values replace earlier ones. Raises TelemetryError."""
        # Copy as JSON now: later changes by the script must not alter this frame.
        own = json.loads(encode(data))
        with self._lock:
            merged = {**self._data, **own}
            line = encode(merged, new=own)
            self._data, self._line = merged, line

    def publish_each(self, data: Mapping[str, object]) -> str:
        """Adds the values one by one. Returns sentences that name those that cannot be sent, and why."""
        problems = []
        for name, value in data.items():
            try:
                self.publish({name: value})
            except TelemetryError as error:
                problems.append(str(error))
        return " ".join(problems)

    def take(self) -> bytes | None:
        """Returns the data for the next frame as one line of JSON, or None, and clears it."""
        with self._lock:
            line = self._line
            self._data, self._line = {}, None
            return line


def encode(data: Mapping[str, object], new: Mapping[str, object] | None = None) -> bytes:
    """Returns the data as one line of ASCII JSON. Raises TelemetryError.

    `new`: the part of it that the error names if the whole is too large.
    """
    if not isinstance(data, dict):
        raise TelemetryError(f"The data must be a dict such as {{'angle': 31.5}}, not {_kind(data)}.")
    for name in data:
        if not isinstance(name, str):
            raise TelemetryError(f"The keys of the data must be strings, not {_kind(name)} ({name!r}).")
    try:
        line = json.dumps(data, allow_nan=False, separators=(",", ":"), default=_plain).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise TelemetryError(_explain(data, error)) from error
    if len(line) > MAX_BYTES:
        names = _listed(data if new is None else new)
        size = f"{len(line)} bytes of JSON; the limit is {MAX_BYTES}"
        raise TelemetryError(f"{names} cannot be sent: the frame's data would be {size}.")
    return line


class Picked(NamedTuple):
    """Custom properties found by name."""

    data: dict[str, object]
    missing: str
    """A sentence that names the properties that no owner has, or empty."""


def pick(names: str, owners: Mapping[str, Owner | None]) -> Picked:
    """Looks up comma-separated custom properties. A later owner's value replaces an earlier owner's.

    `owners`: by the words that the sentence uses for them; None has no properties.
    """
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
    """Converts Blender's vectors, colours, arrays and property groups to lists and dicts."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if hasattr(value, "to_list"):
        return value.to_list()
    # mathutils' vectors have no __iter__.
    sequence = hasattr(value, "__iter__") or hasattr(value, "__getitem__")
    if sequence and hasattr(value, "__len__") and not isinstance(value, (bytes, bytearray)):
        return list(value)
    raise TypeError(f"{_kind(value)} cannot be converted to JSON")


def _explain(data: Mapping[str, object], error: Exception) -> str:
    """Returns a sentence that names the faulty value."""
    for name, value in data.items():
        try:
            json.dumps(value, allow_nan=False, default=_plain)
        except (TypeError, ValueError, RecursionError) as own:
            nan = "JSON compliant" in str(own)
            reason = "it contains NaN or infinity, which JSON cannot represent" if nan else str(own)
            return f"'{name}' cannot be sent: {reason}."
    return f"The data cannot be sent: {error}."


def _listed(names: Mapping[str, object]) -> str:
    listed = [f"'{name}'" for name in names]
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


telemetry = Telemetry()
"""The data for the next frame of this process's stream."""


def publish_data(data: Mapping[str, object]) -> None:
    """Sends a dict of at most 16 KiB of JSON with the next frame. Does nothing if no stream runs.

    Raises TelemetryError, a ValueError, if the data cannot be sent.
    """
    telemetry.publish(data)
