# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the example's robot arm, without Blender: `python3 -m unittest discover test/blender`."""

from __future__ import annotations

import sys
import unittest
from math import degrees, dist, radians
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "robot-arm"))

import motion
from kinematics import TOOL, Grip, Joints, Matrix, forward, inverse

FPS = 24
FRAMES = round(motion.LOOP * FPS)
STATES = [motion.state(frame / FPS) for frame in range(FRAMES + 1)]
"""All of one loop, and the first of the next."""


def far(first: Matrix, second: Matrix) -> float:
    """How far two rotations differ."""
    return max(abs(a - b) for one, other in zip(first, second) for a, b in zip(one, other))


class Kinematics(unittest.TestCase):
    def test_all_angles_zero_is_an_upright_arm_that_points_forwards(self) -> None:
        point = forward(Joints(0, 0, 0, 0, 0, 0)).point
        self.assertAlmostEqual(point[0], 0.10 + 0.66 + TOOL)
        self.assertAlmostEqual(point[1], 0)
        self.assertAlmostEqual(point[2], 0.52 + 0.66)

    def test_the_inverse_finds_the_angles_that_made_a_pose(self) -> None:
        for base in (-2.0, -0.3, 1.1):
            for wrist in ((-0.6, 0.4, 1.2), (0.0, 1.3, -0.5), (1.2, 0.9, 0.1)):
                joints = Joints(radians(30) + base, 0.4, -0.2, *wrist)
                for found, given in zip(inverse(forward(joints)), joints):
                    self.assertAlmostEqual(found, given)

    def test_what_is_out_of_reach_is_refused(self) -> None:
        grip = forward(Joints(0, 0, 0, 0, 1, 0))
        with self.assertRaisesRegex(ValueError, "cannot reach"):
            inverse(Grip((3.0, 0.0, 0.5), grip.turn))


class Motion(unittest.TestCase):
    def test_the_joints_bring_the_tool_where_it_shall_be(self) -> None:
        for frame, state in enumerate(STATES):
            found, wanted = forward(state.joints), motion.tool(frame / FPS)
            self.assertLess(dist(found.point, wanted.point), 1e-9)
            self.assertLess(far(found.turn, wanted.turn), 1e-9)

    def test_no_joint_jumps(self) -> None:
        for before, after in zip(STATES, STATES[1:]):
            for name, one, other in zip(Joints._fields, before.joints, after.joints):
                self.assertLess(abs(degrees(other - one)), 6.5, name)

    def test_no_joint_starts_or_stops_at_once(self) -> None:
        for before, now, after in zip(STATES, STATES[1:], STATES[2:]):
            for name, a, b, c in zip(Joints._fields, before.joints, now.joints, after.joints):
                self.assertLess(abs(degrees(a - 2 * b + c)), 1.5, name)

    def test_the_loop_closes(self) -> None:
        first, last = motion.state(0), motion.state(motion.LOOP - 1e-9)
        for one, other in zip(first.joints, last.joints):
            self.assertAlmostEqual(one, other)
        for one, other in zip(first.boxes, last.boxes):
            self.assertLess(dist(one.point, other.point), 1e-6)
            self.assertLess(far(one.turn, other.turn), 1e-6)
        self.assertEqual(last.done, len(motion.MOVES))

    def test_a_held_box_is_between_the_fingers(self) -> None:
        held = [state for state in STATES if state.held is not None]
        self.assertGreater(len(held), FRAMES / 3)
        for state in held:
            self.assertLess(dist(forward(state.joints).point, state.boxes[state.held].point), 1e-9)
            self.assertAlmostEqual(state.gap, motion.BOX)

    def test_no_box_jumps_when_it_is_picked_or_placed(self) -> None:
        for number, move in enumerate(motion.MOVES):
            for moment in (motion.PICKED, motion.PLACED):
                time = number * motion.ONE_MOVE + moment
                before, after = (motion.state(time + step).boxes[move.box] for step in (-1e-6, 1e-6))
                self.assertLess(dist(before.point, after.point), 1e-4)
                self.assertLess(far(before.turn, after.turn), 1e-4)

    def test_no_two_boxes_share_a_place(self) -> None:
        for state in STATES:
            for index, box in enumerate(state.boxes):
                for other in state.boxes[index + 1 :]:
                    self.assertGreater(dist(box.point, other.point), motion.BOX * 1.05)

    def test_it_says_what_it_does(self) -> None:
        words = [state.word for state in STATES]
        self.assertEqual(set(words), {"moving", "picking", "holding", "placing", "idle"})
        for before, after in zip(STATES, STATES[1:]):
            if after.word == "holding":
                self.assertIsNotNone(after.held)
            if after.word == "idle" and before.word == "idle":
                self.assertLess(dist(forward(before.joints).point, forward(after.joints).point), 0.001)

    def test_the_tool_stands_still_while_the_fingers_close(self) -> None:
        self.assertAlmostEqual(motion.speed(2.45), 0, places=6)
        self.assertGreater(motion.speed(3.7), 0.5)


if __name__ == "__main__":
    unittest.main()
