"""Tests of the poses that the server's events bring."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from rendercast.address import Address
from rendercast.control import CAMERA_POSE, ControlReader, Pose, pose_of
from rude_server import RudeServer
from strict_server import StrictServer, until

POSE = {"yaw": 1, "pitch": -0.5, "distance": 2, "x": 0, "y": 0.25}


class PoseOf(unittest.TestCase):
    def test_a_pose(self) -> None:
        self.assertEqual(pose_of(json.dumps(POSE)), Pose(1.0, -0.5, 2.0, 0.0, 0.25))

    def test_anything_else_is_none(self) -> None:
        for text in ("", "null", "[]", "7", "{}", "nonsense", '{"yaw": ' + "[" * 100_000):
            self.assertIsNone(pose_of(text), text[:20])
        for name in POSE:
            for value in (None, True, "1", [], {}, 1e308, -1e308, 10**400, float("nan"), float("inf")):
                self.assertIsNone(pose_of(json.dumps({**POSE, name: value})), f"{name}: {value}")
        for name in POSE:
            self.assertIsNone(pose_of(json.dumps({key: value for key, value in POSE.items() if key != name})), name)


class Reader(unittest.TestCase):
    def test_it_follows_the_poses_and_keeps_the_last_when_the_server_is_gone(self) -> None:
        events = ["event: pose\ndata: {}\n\n", f"event: pose\ndata: {json.dumps(POSE)}\n\n"]
        events += ["event: pose\ndata: nonsense\n\n", "event: other\ndata: {}\n\n"]
        with StrictServer(events=events) as server:
            reader = ControlReader(Address("127.0.0.1", server.port), "main", "token")
            self.addCleanup(reader.stop)
            self.assertEqual(reader.pose, CAMERA_POSE)
            reader.start()
            self.assertTrue(until(lambda: reader.pose.yaw == 1))
            server.wait(lambda: server.followers >= 1)
        self.assertEqual(reader.pose.distance, 2)

    def test_it_says_why_the_server_refuses(self) -> None:
        head = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n"
        with RudeServer(lambda _server, connection: connection.sendall(head + b"No\x1b[1m.\r\n")) as server:
            reader = ControlReader(Address("127.0.0.1", server.port), "main", "token")
            self.addCleanup(reader.stop)
            reader.start()
            self.assertTrue(until(lambda: reader.refusal != ""))
        self.assertEqual(reader.refusal, "No [1m.")


if __name__ == "__main__":
    unittest.main()
