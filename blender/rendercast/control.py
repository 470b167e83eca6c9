# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads where a viewer has turned the stream's eye to. Reading allows viewers to turn it."""

from __future__ import annotations

import json
from math import pi
from typing import TYPE_CHECKING, NamedTuple

from .status import EventReader

if TYPE_CHECKING:
    from .address import Address


class Pose(NamedTuple):
    """Where the eye is, relative to the camera. It turns around a point in the middle of the camera's view."""

    yaw: float = 0.0
    """Radians around the vertical axis."""
    pitch: float = 0.0
    """Radians around the horizontal axis of the picture."""
    distance: float = 1.0
    """As a multiple of the camera's own."""
    x: float = 0.0
    """Sideways, and `y` upwards, as multiples of the height that the camera's picture has at the point."""
    y: float = 0.0


CAMERA_POSE = Pose()
LIMITS = Pose((-pi, pi), (-pi / 2, pi / 2), (0.05, 20), (-10, 10), (-10, 10))
"""The lowest and highest values. The server checks them too; no value may make Blender fail."""


class ControlReader(EventReader):
    """Follows the poses of a stream until it is stopped, which ends the viewers' control."""

    route = "control"

    def __init__(self, address: Address, stream: str, token: str = "") -> None:
        super().__init__(address, stream, token)
        self.pose = CAMERA_POSE
        """The newest pose. After a lost connection it stays, until the server says another."""

    def heard(self, event: str, data: str) -> None:
        """Implements EventReader."""
        if event == "pose":
            self.pose = pose_of(data) or self.pose

    def lost(self) -> None:
        """Implements EventReader. A picture that jumps back would help nobody."""


def pose_of(data: str) -> Pose | None:
    """Returns the pose in an event, or None if it is not valid."""
    try:
        read = json.loads(data)
        values = [read[name] for name in Pose._fields]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    for value, (least, most) in zip(values, LIMITS, strict=True):
        # NaN compares as neither.
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            return None
    return Pose(*map(float, values))
