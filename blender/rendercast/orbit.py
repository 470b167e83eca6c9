# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the eye of the stream around what its camera looks at. The camera itself stays where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathutils import Matrix, Vector

from .capture import Eye
from .control import CAMERA_POSE

if TYPE_CHECKING:
    import bpy

    from .control import Pose

MIN_DISTANCE = 0.1
DEFAULT_DISTANCE = 5.0
"""In Blender's units, for a scene with nothing to look at."""
VISIBLE_TYPES = ("MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME")


class Orbit:
    """Applies poses to a stream's eye."""

    def __init__(self) -> None:
        self._distance: float | None = None
        """From the camera to the point to turn around, since the eye left the camera."""

    def apply(self, eye: Eye, pose: Pose, layer: bpy.types.ViewLayer) -> Eye:
        """Returns the eye at this pose."""
        if pose == CAMERA_POSE:
            self._distance = None
            return eye
        if self._distance is None:
            # Kept while the eye is turned: an animated scene would otherwise shake.
            self._distance = distance_to(centre_of(layer), eye)
        return turned(eye, pose, self._distance)


def turned(eye: Eye, pose: Pose, distance: float) -> Eye:
    """Returns the eye turned around the point at this distance in front of it."""
    camera = eye.view.inverted()
    point = camera @ Vector((0, 0, -distance))
    right = camera.col[0].xyz
    around = Matrix.Rotation(-pose.yaw, 4, "Z") @ Matrix.Rotation(-pose.pitch, 4, right)
    projection = eye.projection
    orthographic = projection[3][3] == 1
    height = 2 / projection[1][1] * (1 if orthographic else distance)
    step = Vector((pose.x * height, pose.y * height, (pose.distance - 1) * distance))
    moved = Matrix.Translation(point) @ around @ Matrix.Translation(-point) @ camera @ Matrix.Translation(step)
    # Distance changes nothing in an orthographic view: its scale does.
    if orthographic:
        projection = Matrix.Diagonal((1 / pose.distance, 1 / pose.distance, 1, 1)) @ projection
    return Eye(moved.inverted(), projection)


def distance_to(centre: Vector | None, eye: Eye) -> float:
    """Returns the distance in front of the eye at which it passes the centre of the scene."""
    if centre is None:
        return DEFAULT_DISTANCE
    seen = eye.view @ centre
    # A camera inside the scene may look away from its centre.
    return max(MIN_DISTANCE, -seen.z if seen.z < 0 else seen.length)


def centre_of(layer: bpy.types.ViewLayer) -> Vector | None:
    """Returns the centre of the box around all visible objects, or None if there are none."""
    corners = [
        thing.matrix_world @ Vector(corner)
        for thing in layer.objects
        if thing.type in VISIBLE_TYPES and thing.visible_get(view_layer=layer)
        for corner in thing.bound_box
    ]
    if not corners:
        return None
    lowest = Vector(min(corner[axis] for corner in corners) for axis in range(3))
    highest = Vector(max(corner[axis] for corner in corners) for axis in range(3))
    return (lowest + highest) / 2
