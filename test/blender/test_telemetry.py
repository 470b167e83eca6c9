"""Tests of the data that goes with a frame."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))

import rendercast
from rendercast.telemetry import MOST_BYTES, Telemetry, TelemetryError, pick, telemetry


class Vector:
    """Stands in for Blender's: a sequence that is no list."""

    def __init__(self, *values: float) -> None:
        self._values = values

    def __iter__(self):
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Publish(unittest.TestCase):
    def setUp(self) -> None:
        self.telemetry = Telemetry()

    def taken(self) -> object:
        line = self.telemetry.take()
        return None if line is None else json.loads(line)

    def refusal(self, data: object) -> str:
        with self.assertRaises(TelemetryError) as refused:
            self.telemetry.publish(data)
        self.assertIsNone(self.telemetry.take())
        return str(refused.exception)

    def test_data_goes_with_one_frame_only(self) -> None:
        self.telemetry.publish({"angle": 31.5, "state": "idle", "on": True, "none": None})
        self.assertEqual(self.taken(), {"angle": 31.5, "state": "idle", "on": True, "none": None})
        self.assertIsNone(self.taken())

    def test_two_scripts_add_up_and_the_later_value_counts(self) -> None:
        self.telemetry.publish({"a": 1, "b": 1})
        self.telemetry.publish({"b": 2})
        self.assertEqual(self.taken(), {"a": 1, "b": 2})

    def test_what_changes_later_is_not_this_frames(self) -> None:
        data = {"joints": [1]}
        self.telemetry.publish(data)
        data["joints"].append(2)
        self.telemetry.publish({"more": 1})
        self.assertEqual(self.taken(), {"joints": [1], "more": 1})

    def test_it_is_one_line_of_ascii(self) -> None:
        self.telemetry.publish({"état": "a\r\n✓\u2028"})
        line = self.telemetry.take()
        self.assertTrue(line.isascii() and b"\n" not in line and b"\r" not in line)

    def test_blenders_vectors_are_lists(self) -> None:
        self.telemetry.publish({"at": Vector(1, 2), "all": [Vector(3.5, 4)]})
        self.assertEqual(self.taken(), {"at": [1, 2], "all": [[3.5, 4]]})

    def test_only_a_dict_will_do(self) -> None:
        self.assertIn("takes a dict, such as {'angle': 31.5}, not a list", self.refusal([1]))
        self.assertIn("not None", self.refusal(None))

    def test_names_are_text(self) -> None:
        self.assertIn("names that are text, not a int (1)", self.refusal({1: 2}))

    def test_the_sentence_names_the_value_at_fault(self) -> None:
        self.assertIn("'bad': holds NaN or infinity", self.refusal({"good": 1, "bad": [float("nan")]}))
        self.assertIn("'bad': a object cannot become JSON", self.refusal({"good": 1, "bad": object()}))
        self.assertIn("'raw': a bytes", self.refusal({"raw": b"x"}))

    def test_what_holds_itself_is_refused(self) -> None:
        loop: list[object] = []
        loop.append(loop)
        self.assertIn("'loop'", self.refusal({"loop": loop}))

    def test_16_kib_are_the_most(self) -> None:
        just = {"x": "a" * (MOST_BYTES - len('{"x":""}'))}
        self.telemetry.publish(just)
        self.assertEqual(self.taken(), just)
        self.assertIn(f"{MOST_BYTES + 1} bytes", self.refusal({"x": just["x"] + "a"}))

    def test_what_is_too_much_together_leaves_the_first(self) -> None:
        self.telemetry.publish({"x": "a" * 10000})
        with self.assertRaisesRegex(TelemetryError, "with what was published before"):
            self.telemetry.publish({"y": "a" * 10000})
        self.assertEqual(self.taken(), {"x": "a" * 10000})

    def test_scripts_find_it_by_the_packages_name(self) -> None:
        rendercast.publish_data({"angle": 1})
        self.assertEqual(telemetry.take(), b'{"angle":1}')
        with self.assertRaises(rendercast.TelemetryError):
            rendercast.publish_data(1)
        self.assertTrue(issubclass(rendercast.TelemetryError, ValueError))


class Pick(unittest.TestCase):
    def test_the_later_owner_counts_and_what_is_not_there_is_left_out(self) -> None:
        self.assertEqual(pick("a, b,,c", ({"a": 1, "b": 1}, {"b": 2}, None)), {"a": 1, "b": 2})

    def test_no_names_are_no_data(self) -> None:
        self.assertEqual(pick("  ", ({"": 1},)), {})


if __name__ == "__main__":
    unittest.main()
