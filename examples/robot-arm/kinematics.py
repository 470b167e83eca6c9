# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward and inverse kinematics of the six-axis arm, without Blender. Lengths in metres, angles in radians."""

from __future__ import annotations

from math import acos, atan2, cos, hypot, pi, sin
from typing import NamedTuple

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]
"""A rotation, by rows."""

SHOULDER_OUT = 0.10
"""From the base's axis to the shoulder."""
SHOULDER_UP = 0.52
"""From the floor to the shoulder."""
UPPER_ARM = 0.66
FOREARM = 0.66
"""From the elbow to the centre of the wrist."""
TOOL = 0.34
"""From the centre of the wrist to the point between the fingertips."""


class Joints(NamedTuple):
    """Joint angles. At zero the upper arm is upright, and the forearm and the tool point along x."""

    base: float
    shoulder: float
    elbow: float
    wrist_roll: float
    wrist_pitch: float
    tool: float


class Grip(NamedTuple):
    """The position of the point between the fingertips, and the tool's rotation.

    The rotation's x axis points out of the tool, its y axis from finger to finger.
    """

    point: Vector
    turn: Matrix


def forward(joints: Joints) -> Grip:
    """Returns the tool's position and rotation for these joint angles."""
    to_forearm = times(about_z(joints.base), about_y(joints.shoulder + joints.elbow))
    wrist_turn = times(about_x(joints.wrist_roll), times(about_y(joints.wrist_pitch), about_x(joints.tool)))
    turn = times(to_forearm, wrist_turn)
    out = SHOULDER_OUT + UPPER_ARM * sin(joints.shoulder)
    elbow = (out * cos(joints.base), out * sin(joints.base), SHOULDER_UP + UPPER_ARM * cos(joints.shoulder))
    wrist = along(elbow, column(to_forearm, 0), FOREARM)
    return Grip(along(wrist, column(turn, 0), TOOL), turn)


def inverse(grip: Grip) -> Joints:
    """Returns the joint angles for a tool position, with the elbow up. Raises ValueError if it is out of reach."""
    x, y, z = along(grip.point, column(grip.turn, 0), -TOOL)
    base = atan2(y, x)
    out, up = hypot(x, y) - SHOULDER_OUT, z - SHOULDER_UP
    far = hypot(out, up)
    if not abs(UPPER_ARM - FOREARM) < far < UPPER_ARM + FOREARM:
        raise ValueError(f"the arm cannot reach {grip.point}")
    raised = atan2(up, out) + acos((UPPER_ARM**2 + far**2 - FOREARM**2) / (2 * UPPER_ARM * far))
    shoulder = pi / 2 - raised
    elbow = -atan2(up - UPPER_ARM * sin(raised), out - UPPER_ARM * cos(raised)) - shoulder
    # The wrist's share of the rotation: about x, then y, then x again.
    left = times(transposed(times(about_z(base), about_y(shoulder + elbow))), grip.turn)
    roll = atan2(left[1][0], -left[2][0])
    pitch = acos(max(-1.0, min(1.0, left[0][0])))
    return Joints(base, shoulder, elbow, roll, pitch, atan2(left[0][1], left[0][2]))


def about_x(angle: float) -> Matrix:
    """Returns a rotation about the x axis."""
    c, s = cos(angle), sin(angle)
    return ((1, 0, 0), (0, c, -s), (0, s, c))


def about_y(angle: float) -> Matrix:
    """Returns a rotation about the y axis."""
    c, s = cos(angle), sin(angle)
    return ((c, 0, s), (0, 1, 0), (-s, 0, c))


def about_z(angle: float) -> Matrix:
    """Returns a rotation about the z axis."""
    c, s = cos(angle), sin(angle)
    return ((c, -s, 0), (s, c, 0), (0, 0, 1))


def times(first: Matrix, second: Matrix) -> Matrix:
    """Returns the product of two rotations."""
    a, b, c = (_row(row, second) for row in first)
    return (a, b, c)


def transposed(matrix: Matrix) -> Matrix:
    """Returns the transpose, the inverse of a rotation."""
    return (column(matrix, 0), column(matrix, 1), column(matrix, 2))


def column(matrix: Matrix, index: int) -> Vector:
    """Returns one axis of a rotation."""
    return (matrix[0][index], matrix[1][index], matrix[2][index])


def along(start: Vector, direction: Vector, distance: float) -> Vector:
    """Returns the point at `distance` from the start."""
    return (start[0] + direction[0] * distance, start[1] + direction[1] * distance, start[2] + direction[2] * distance)


def _row(row: Vector, matrix: Matrix) -> Vector:
    x, y, z = (sum(row[i] * matrix[i][j] for i in range(3)) for j in range(3))
    return (x, y, z)
