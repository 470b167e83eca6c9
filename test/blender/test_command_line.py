"""Tests of the command line that the scripts share: `python3 -m unittest discover test/blender`."""

from __future__ import annotations

import io
import sys
import unittest
from argparse import ArgumentTypeError
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import command_line
from command_line import Parser, requested_scene, say
from refusal import refusal


class Arguments(unittest.TestCase):
    def test_a_size_is_two_numbers_within_bounds(self) -> None:
        self.assertEqual(command_line.size("1280x720"), (1280, 720))
        for text in ("480", "big", "8x9000", "8x8", "-480x270", "480x270x3", "x", ""):
            with self.subTest(text=text), self.assertRaisesRegex(ArgumentTypeError, "is not a size from 16x16"):
                command_line.size(text)

    def test_a_rate_is_above_0_and_up_to_240(self) -> None:
        self.assertEqual([command_line.fps(text) for text in ("12.5", "240")], [12.5, 240])
        for text in ("0", "-1", "240.1", "fast", "nan", "inf", ""):
            with self.subTest(text=text), self.assertRaisesRegex(ArgumentTypeError, "is not a number above 0"):
                command_line.fps(text)

    def test_a_count_is_a_whole_number(self) -> None:
        self.assertEqual([command_line.frames(text) for text in ("0", "25")], [0, 25])
        for text in ("-1", "1.5", "many", ""):
            with self.subTest(text=text), self.assertRaisesRegex(ArgumentTypeError, "is not a whole number"):
                command_line.frames(text)


class ParserTest(unittest.TestCase):
    def setUp(self) -> None:
        self.parser = Parser("loop.py", "rendercast loop", "What it does.")
        self.parser.add_argument("--size", type=command_line.size, default=None)

    def test_blenders_own_options_are_not_the_scripts(self) -> None:
        self.assertEqual(self.parser.read(["blender", "--size", "1", "--", "--size", "64x36"]).size, (64, 36))
        self.assertIsNone(self.parser.read(["blender", "-b", "--size", "64x36"]).size)

    def test_a_mistake_is_refused_in_one_line_that_names_the_script(self) -> None:
        for own in ("--size=big", "--siz=64x36", "--speed"):
            with self.subTest(own=own):
                said = refusal(lambda own=own: self.parser.read(["blender", "--", own]))
                self.assertRegex(said, r"^rendercast loop: .*--s.*; -- --help lists the options\.\n$")


class Sentences(unittest.TestCase):
    def test_the_scene_file_is_told_from_the_other_arguments(self) -> None:
        self.assertEqual(requested_scene(["blender", "-b", "a.blend", "-P", "loop.py", "--", "b.blend"]), "a.blend")
        self.assertIsNone(requested_scene(["blender", "-b", "-P", "loop.py", "--", "--turn", "b.blend"]))

    def test_problems_go_where_problems_go(self) -> None:
        out, error = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(error):
            say("rendercast", "ready")
            say("rendercast", "no camera", error=True)
        self.assertEqual((out.getvalue(), error.getvalue()), ("rendercast: ready\n", "rendercast: no camera\n"))


if __name__ == "__main__":
    unittest.main()
