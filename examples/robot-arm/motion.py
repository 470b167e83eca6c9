# SPDX-License-Identifier: GPL-3.0-or-later
"""The arm's motion over time, without Blender: a loop that swaps boxes between two trays and back."""

from __future__ import annotations

from math import atan2, cos, dist, hypot, pi, radians, sin
from typing import NamedTuple

from kinematics import Grip, Joints, Matrix, Vector, about_x, about_y, about_z, along, column, inverse, times

BOX = 0.12
"""The side of a box."""
TRAY_FLOOR = 0.12
"""Height above the ground."""
TRAYS = {"left": radians(-146), "right": radians(-34)}
"""Their angles around the arm."""
TRAY_OUT = 1.05
"""Distance from the arm to a tray."""
SLOT = 0.2
"""Distance between places in a tray."""
OPEN = 0.17
"""The gap between the fingers."""
CARRIED = 0.56
"""Height at which the tool carries a box."""
LEAN = radians(16)
"""Maximum angle at which the tool leans into its motion."""

ONE_MOVE = 5.4
GOING_HOME = 2.4
STILL = 1.7
"""Seconds into GOING_HOME at which the arm stands still."""
PICKED, PLACED = 2.4, 5.1
"""Seconds into a move at which the box starts and stops following the tool."""


class Place(NamedTuple):
    """A place in a tray."""

    tray: str
    slot: int


class Move(NamedTuple):
    """One box moves from one place to another."""

    box: int
    source: Place
    target: Place


class Target(NamedTuple):
    """A target for the tool, in cylindrical coordinates around the base."""

    direction: float
    out: float
    up: float
    yaw: float


class BoxAt(NamedTuple):
    """A box's position and rotation."""

    point: Vector
    turn: Matrix


class State(NamedTuple):
    """The scene at one time."""

    joints: Joints
    gap: float
    """Distance between the fingers."""
    word: str
    """moving, picking, holding, placing or idle."""
    held: int | None
    done: int
    """Completed moves in this loop."""
    boxes: tuple[BoxAt, ...]


START = (Place("left", 0), Place("right", 1), Place("left", 2), Place("right", 2))
"""The first place of each box."""
MOVES = (
    Move(0, Place("left", 0), Place("right", 0)),
    Move(1, Place("right", 1), Place("left", 1)),
    Move(0, Place("right", 0), Place("left", 0)),
    Move(1, Place("left", 1), Place("right", 1)),
)
LOOP = ONE_MOVE * len(MOVES) + GOING_HOME
"""Seconds per loop."""
HOME = Target(radians(-114), 0.95, 0.56, radians(-114))


def state(time: float) -> State:
    """Returns the scene at a time in seconds. It repeats every LOOP."""
    time %= LOOP
    done = min(int((time + ONE_MOVE - PLACED) / ONE_MOVE), len(MOVES))
    word, held = _doing(time)
    grip = tool(time)
    return State(inverse(grip), _gap(time), word, held, done, _boxes(time, grip, held))


def speed(time: float) -> float:
    """Returns the tool's speed in metres per second."""
    step = 1 / 240
    return dist(tool(time - step).point, tool(time + step).point) / (2 * step)


def tool(time: float) -> Grip:
    """Returns the tool's position and rotation at a time in seconds."""
    target, lean = _target(time % LOOP)
    point = (target.out * cos(target.direction), target.out * sin(target.direction), target.up)
    sideways = times(about_z(target.direction), times(about_x(lean), about_z(-target.direction)))
    # Pointing down, with the fingers along the yaw.
    down = times(about_z(target.yaw), times(about_y(pi / 2), about_x(pi / 2)))
    return Grip(point, times(sideways, down))


def place_point(place: Place) -> Vector:
    """Returns the centre of a box in this place."""
    direction = TRAYS[place.tray]
    across = (-sin(direction), cos(direction), 0.0)
    centre = (TRAY_OUT * cos(direction), TRAY_OUT * sin(direction), TRAY_FLOOR + BOX / 2)
    # Both trays count their slots from the middle of the picture outwards.
    side = 1 if place.tray == "left" else -1
    return along(centre, across, side * (1 - place.slot) * SLOT)


def ease(begin: float, end: float, time: float) -> float:
    """Returns 0 to 1, with minimum jerk."""
    t = max(0.0, min(1.0, (time - begin) / (end - begin)))
    return t * t * t * (10 + t * (6 * t - 15))


def _target(time: float) -> tuple[Target, float]:
    """Returns the tool's target and its lean."""
    index, now = _step(time)
    if index == len(MOVES):
        return _swing(_low(MOVES[-1].target), HOME, now, 0.0, 0.3, STILL)
    move = MOVES[index]
    if now < PICKED:
        before = _low(MOVES[index - 1].target) if index else HOME
        return _swing(before, _low(move.source), now, 0.0, 0.35, 1.85)
    return _swing(_low(move.source), _low(move.target), now, 2.6, 2.9, 4.5)


def _step(time: float) -> tuple[int, float]:
    """Returns the index of the move (len(MOVES) on the way home), and the seconds since it began."""
    index = min(int(time / ONE_MOVE), len(MOVES))
    return index, time - index * ONE_MOVE


def _swing(start: Target, end: Target, now: float, up: float, begin: float, arrive: float) -> tuple[Target, float]:
    """Moves up, across and down; the three phases overlap."""
    gone = ease(begin, arrive, now)
    low, high = start.up, max(CARRIED, end.up)
    lifted = ease(up, up + 0.75, now)
    lowered = ease(arrive - 0.25, arrive + 0.45, now) if end.up < CARRIED else 0.0
    height = low + (high - low) * lifted + (end.up - high) * lowered
    direction, out, _, yaw = (before + (after - before) * gone for before, after in zip(start, end))
    # Halfway, the arm is drawn in a little.
    bell = 16 * gone**2 * (1 - gone) ** 2
    turned = end.direction - start.direction
    drawn_in = 0.10 * bell * min(1.0, abs(turned))
    return Target(direction, out - drawn_in, height, yaw), -LEAN * bell * max(-1.0, min(1.0, turned))


def _low(place: Place) -> Target:
    """Returns the target with the fingers around a box in this place."""
    x, y, z = place_point(place)
    return Target(atan2(y, x), hypot(x, y), z, TRAYS[place.tray])


def _doing(time: float) -> tuple[str, int | None]:
    """Returns the word for the current action, and the box that is held."""
    index, now = _step(time)
    if index == len(MOVES):
        return ("moving" if now < STILL else "idle"), None
    held = MOVES[index].box if PICKED <= now < PLACED else None
    words = ((1.6, "moving"), (2.6, "picking"), (4.25, "holding"), (5.3, "placing"))
    return next((word for until, word in words if now < until), "moving"), held


def _gap(time: float) -> float:
    index, now = _step(time)
    if index == len(MOVES):
        return OPEN
    return OPEN - (OPEN - BOX) * (ease(2.1, PICKED, now) - ease(PLACED, 5.35, now))


def _boxes(time: float, grip: Grip, held: int | None) -> tuple[BoxAt, ...]:
    where = list(START)
    for index, move in enumerate(MOVES):
        if time >= index * ONE_MOVE + PLACED:
            where[move.box] = move.target
    resting = (BoxAt(place_point(place), about_z(TRAYS[place.tray])) for place in where)
    return tuple(carried(grip) if number == held else box for number, box in enumerate(resting))


def carried(grip: Grip) -> BoxAt:
    """Returns the position and rotation of the box between the fingers."""
    turn = grip.turn
    # The box's x axis runs from finger to finger, its z axis into the tool.
    x, y, z = column(turn, 1), column(turn, 2), column(turn, 0)
    rows = tuple((x[i], -y[i], -z[i]) for i in range(3))
    return BoxAt(grip.point, (rows[0], rows[1], rows[2]))
