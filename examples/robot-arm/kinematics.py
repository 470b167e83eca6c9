# SPDX-License-Identifier: GPL-3.0-or-later
"""The arm's six joints, forwards and backwards, without Blender. Lengths in metres, angles in radians."""

from __future__ import annotations

from math import acos, atan2, cos, hypot, pi, sin
from typing import NamedTuple

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]
"""Rows of a rotation."""

SHOULDER_OUT = 0.10
"""From the turning axis to the shoulder."""
SHOULDER_UP = 0.52
"""From the floor to the shoulder."""
UPPER_ARM = 0.66
FOREARM = 0.66
"""From the elbow to the crossing of the wrist's axes."""
TOOL = 0.34
"""From there to the point between the fingertips."""


class Joints(NamedTuple):
    """All zero: the upper arm stands upright, the forearm and the tool point along x."""

    base: float
    shoulder: float
    elbow: float
    wrist_roll: float
    wrist_pitch: float
    tool: float


class Grip(NamedTuple):
    """Where the point between the fingertips is, and how the tool is turned.

    The turn's x axis points out of the tool, its y axis from finger to finger.
    """

    point: Vector
    turn: Matrix


def forward(joints: Joints) -> Grip:
    """Where these joint angles bring the tool."""
    to_forearm = times(about_z(joints.base), about_y(joints.shoulder + joints.elbow))
    wrist_turn = times(about_x(joints.wrist_roll), times(about_y(joints.wrist_pitch), about_x(joints.tool)))
    turn = times(to_forearm, wrist_turn)
    out = SHOULDER_OUT + UPPER_ARM * sin(joints.shoulder)
    elbow = (out * cos(joints.base), out * sin(joints.base), SHOULDER_UP + UPPER_ARM * cos(joints.shoulder))
    wrist = along(elbow, column(to_forearm, 0), FOREARM)
    return Grip(along(wrist, column(turn, 0), TOOL), turn)


def inverse(grip: Grip) -> Joints:
    """The joint angles that bring the tool there, with the elbow up. Raises ValueError where the arm cannot reach."""
    x, y, z = along(grip.point, column(grip.turn, 0), -TOOL)
    base = atan2(y, x)
    out, up = hypot(x, y) - SHOULDER_OUT, z - SHOULDER_UP
    far = hypot(out, up)
    if not abs(UPPER_ARM - FOREARM) < far < UPPER_ARM + FOREARM:
        raise ValueError(f"the arm cannot reach {grip.point}")
    raised = atan2(up, out) + acos((UPPER_ARM**2 + far**2 - FOREARM**2) / (2 * UPPER_ARM * far))
    shoulder = pi / 2 - raised
    elbow = -atan2(up - UPPER_ARM * sin(raised), out - UPPER_ARM * cos(raised)) - shoulder
    # What is left of the turn for the wrist: about x, then y, then x again.
    left = times(turned_back(times(about_z(base), about_y(shoulder + elbow))), grip.turn)
    roll = atan2(left[1][0], -left[2][0])
    pitch = acos(max(-1.0, min(1.0, left[0][0])))
    return Joints(base, shoulder, elbow, roll, pitch, atan2(left[0][1], left[0][2]))


def about_x(angle: float) -> Matrix:
    """A turn about the x axis."""
    c, s = cos(angle), sin(angle)
    return ((1, 0, 0), (0, c, -s), (0, s, c))


def about_y(angle: float) -> Matrix:
    """A turn about the y axis."""
    c, s = cos(angle), sin(angle)
    return ((c, 0, s), (0, 1, 0), (-s, 0, c))


def about_z(angle: float) -> Matrix:
    """A turn about the z axis."""
    c, s = cos(angle), sin(angle)
    return ((c, -s, 0), (s, c, 0), (0, 0, 1))


def times(first: Matrix, second: Matrix) -> Matrix:
    """The product of two rotations."""
    a, b, c = (_row(row, second) for row in first)
    return (a, b, c)


def turned_back(matrix: Matrix) -> Matrix:
    """The inverse of a rotation."""
    return (column(matrix, 0), column(matrix, 1), column(matrix, 2))


def column(matrix: Matrix, index: int) -> Vector:
    """One axis of a rotation."""
    return (matrix[0][index], matrix[1][index], matrix[2][index])


def along(start: Vector, direction: Vector, way: float) -> Vector:
    """The point this far from the start."""
    return (start[0] + direction[0] * way, start[1] + direction[1] * way, start[2] + direction[2] * way)


def _row(row: Vector, matrix: Matrix) -> Vector:
    x, y, z = (sum(row[i] * matrix[i][j] for i in range(3)) for j in range(3))
    return (x, y, z)
