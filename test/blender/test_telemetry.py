"""Tests of the data that scripts publish with a frame."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))

import rendercast
from rendercast.telemetry import MAX_BYTES, Telemetry, TelemetryError, pick, telemetry


class Vector:
    """Stands in for Blender's vectors: a sequence that is not a list."""

    def __init__(self, *values: float) -> None:
        self._values = values

    def __iter__(self):
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Bare:
    """Stands in for mathutils' vectors, which have no __iter__."""

    def __init__(self, *values: float) -> None:
        self._values = values

    def __getitem__(self, index: int) -> float:
        return self._values[index]

    def __len__(self) -> int:
        return len(self._values)


class Array(Bare):
    """Stands in for a custom property that is an array."""

    def to_list(self) -> list[float]:
        return list(self._values)


class Group:
    """Stands in for a group of custom properties."""

    def __init__(self, **values: object) -> None:
        self._values = values

    def to_dict(self) -> dict[str, object]:
        return self._values


class Thing:
    """Stands in for an object in Blender, which has __getitem__ but no length."""

    def __getitem__(self, name: str) -> object:
        raise KeyError(name)


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
        self.telemetry.publish({"bare": Bare(1, 2), "rows": Bare(Bare(1, 0), Bare(0, 1)), "array": Array(0.5)})
        self.assertEqual(self.taken(), {"bare": [1, 2], "rows": [[1, 0], [0, 1]], "array": [0.5]})

    def test_only_a_dict_will_do(self) -> None:
        self.assertIn("must be a dict such as {'angle': 31.5}, not list", self.refusal([1]))
        self.assertIn("not None", self.refusal(None))

    def test_names_are_text(self) -> None:
        self.assertIn("must be strings, not int (1)", self.refusal({1: 2}))

    def test_the_sentence_names_the_value_at_fault(self) -> None:
        bad = {"good": 1, "bad": [float("nan")]}
        self.assertIn("'bad' cannot be sent: it contains NaN or infinity", self.refusal(bad))
        self.assertIn("'bad' cannot be sent: object cannot be converted", self.refusal({"good": 1, "bad": object()}))
        self.assertIn("'raw' cannot be sent: bytes", self.refusal({"raw": b"x"}))

    def test_what_holds_itself_is_refused(self) -> None:
        loop: list[object] = []
        loop.append(loop)
        self.assertIn("'loop'", self.refusal({"loop": loop}))

    def test_16_kib_are_the_most(self) -> None:
        just = {"x": "a" * (MAX_BYTES - len('{"x":""}'))}
        self.telemetry.publish(just)
        self.assertEqual(self.taken(), just)
        self.assertIn(f"{MAX_BYTES + 1} bytes", self.refusal({"x": just["x"] + "a"}))

    def test_what_is_too_much_together_leaves_the_first(self) -> None:
        self.telemetry.publish({"x": "a" * 10000})
        with self.assertRaisesRegex(TelemetryError, "^'y' cannot be sent: the frame's data would be 200"):
            self.telemetry.publish({"y": "a" * 10000})
        self.assertEqual(self.taken(), {"x": "a" * 10000})

    def test_scripts_find_it_by_the_packages_name(self) -> None:
        rendercast.publish_data({"angle": 1})
        self.assertEqual(telemetry.take(), b'{"angle":1}')
        with self.assertRaises(rendercast.TelemetryError):
            rendercast.publish_data(1)
        self.assertTrue(issubclass(rendercast.TelemetryError, ValueError))


class PublishEach(unittest.TestCase):
    def test_what_cannot_be_sent_is_named_and_the_rest_goes(self) -> None:
        own = Telemetry()
        problem = own.publish_each(
            {"angle": 1.5, "target": Thing(), "bad": float("inf"), "pos": Array(1, 2), "long": "x" * MAX_BYTES}
        )
        self.assertEqual(json.loads(own.take()), {"angle": 1.5, "pos": [1, 2]})
        self.assertEqual(
            problem,
            "'target' cannot be sent: Thing cannot be converted to JSON. "
            "'bad' cannot be sent: it contains NaN or infinity, which JSON cannot represent. "
            "'long' cannot be sent: the frame's data would be 16395 bytes of JSON; the limit is 16384.",
        )

    def test_groups_are_objects(self) -> None:
        own = Telemetry()
        self.assertEqual(own.publish_each({"arm": Group(angle=1, at=[Array(1)])}), "")
        self.assertEqual(json.loads(own.take()), {"arm": {"angle": 1, "at": [[1]]}})


class Pick(unittest.TestCase):
    def test_the_later_owner_counts_and_what_is_not_there_is_named(self) -> None:
        owners = {"the scene": {"a": 1, "b": 1}, "the active object": {"b": 2}}
        self.assertEqual(pick("a, b,,a", owners), ({"a": 1, "b": 2}, ""))
        data, missing = pick("a, pos, c", {**owners, "the active object": None})
        self.assertEqual(data, {"a": 1})
        self.assertEqual(missing, "Neither the scene nor the active object has a custom property 'pos', 'c'.")

    def test_no_names_are_no_data(self) -> None:
        self.assertEqual(pick("  ", {"the scene": {"": 1}}), ({}, ""))


if __name__ == "__main__":
    unittest.main()
