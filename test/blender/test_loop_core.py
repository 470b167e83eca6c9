"""Tests of the render loop's parts that do not need Blender: `python3 -m unittest discover test/blender`."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from command_line import ScriptError
from loop_core import Flag, Options, Pace, Report, counted, make_folder, motion, parse_options
from refusal import refusal

BLENDER = ["/usr/bin/blender", "-b", "-P", "loop.py"]


def parse(*own: str) -> Options:
    return parse_options([*BLENDER, "--", *own])


class FakeTime:
    """A clock that only `sleep` advances."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class ParseOptions(unittest.TestCase):
    def test_a_folder_is_all_it_needs(self) -> None:
        options = parse("--folder", "out")
        self.assertEqual(
            options,
            Options(
                folder=Path("out"),
                width=480,
                height=270,
                fps=20,
                frames=0,
                engine="workbench",
                antialiasing="OFF",
                animate="loop",
                turn=None,
                picture="img.jpg",
                written="img_written.txt",
                running="img_running.txt",
            ),
        )

    def test_every_option_is_taken(self) -> None:
        options = parse(
            *("--folder", "out", "--size", "1280x720", "--fps", "12.5", "--frames", "3", "--engine", "eevee"),
            *("--antialiasing", "8", "--animate", "off", "--turn", "Suzanne"),
            *("--picture", "a.jpg", "--written", "b", "--running", "c"),
        )
        self.assertEqual((options.width, options.height, options.fps, options.frames), (1280, 720, 12.5, 3))
        self.assertEqual((options.engine, options.antialiasing), ("eevee", "8"))
        self.assertEqual((options.animate, options.turn), ("off", "Suzanne"))
        self.assertEqual((options.picture, options.written, options.running), ("a.jpg", "b", "c"))

    def test_a_mistake_is_refused_in_one_sentence(self) -> None:
        for own, word in (
            ((), "--folder"),
            (("--folder", "out", "--size", "480"), "480 is not a size"),
            (("--folder", "out", "--fps", "0"), "0 is not a number above 0"),
            (("--folder", "out", "--frames", "-1"), "-1 is not a whole number"),
            (("--folder", "out", "--engine", "povray"), "povray"),
            (("--folder", "out", "--animate", "once"), "once"),
            (("--folder", "out", "--picture", "a/b.jpg"), "not a file name"),
            (("--folder", "out", "--picture", "same", "--written", "same"), "three different names"),
        ):
            with self.subTest(own=own):
                said = refusal(lambda own=own: parse(*own))
                self.assertIn(word, said)
                self.assertEqual(said.count("\n"), 1)


class Motion(unittest.TestCase):
    def test_it_names_what_plays_and_what_turns(self) -> None:
        self.assertEqual(motion(range(1, 251), 7, None), "timeline frames 1-250")
        self.assertEqual(motion(None, 7, "Cube"), "rotation of Cube")
        self.assertEqual(motion(range(10, 21), 7, "Cube"), "timeline frames 10-20 and rotation of Cube")

    def test_it_names_the_frame_that_stands_still(self) -> None:
        self.assertEqual(motion(None, 7, None), "still at frame 7")


class Flags(unittest.TestCase):
    def test_a_flag_file_holds_a_single_digit(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "flag.txt"
            flag = Flag(path)
            flag.set(False)
            self.assertEqual(path.read_bytes(), b"0")
            flag.set(True)
            self.assertEqual(path.read_bytes(), b"1")

    def test_a_flag_that_cannot_be_written_is_a_sentence(self) -> None:
        pattern = r"cannot be written \(.+\); choose a writable --folder"
        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(ScriptError, pattern):
            Flag(Path(folder)).set(True)

    def test_the_folder_is_made_with_those_above_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            wanted = Path(folder) / "a" / "b"
            make_folder(wanted)
            make_folder(wanted)
            self.assertTrue(wanted.is_dir())

    def test_a_file_in_the_folders_place_is_a_sentence(self) -> None:
        with tempfile.NamedTemporaryFile() as file, self.assertRaisesRegex(ScriptError, "cannot be written"):
            make_folder(Path(file.name))


class PaceTest(unittest.TestCase):
    def setUp(self) -> None:
        self.time = FakeTime()
        self.pace = Pace(20, self.time.now, self.time.sleep)

    def step(self, work: float) -> float:
        """Waits, then works for that many seconds. Returns when the work began."""
        self.pace.wait(lambda: False)
        began = self.time.time - 1000
        self.time.time += work
        return began

    def test_the_first_step_is_due_at_once(self) -> None:
        self.assertEqual(self.step(0), 0)
        self.assertEqual(self.time.slept, [])

    def test_steps_begin_at_fixed_times_whatever_the_work_takes(self) -> None:
        begun = [self.step(work) for work in (0.01, 0.03, 0.049, 0.001)]
        for expected, actual in zip((0, 0.05, 0.1, 0.15), begun, strict=True):
            self.assertAlmostEqual(actual, expected)

    def test_a_small_delay_is_caught_up_with(self) -> None:
        begun = [self.step(work) for work in (0.07, 0.01, 0.01)]
        for expected, actual in zip((0, 0.07, 0.1), begun, strict=True):
            self.assertAlmostEqual(actual, expected)

    def test_a_long_delay_is_not_followed_by_a_burst(self) -> None:
        begun = [self.step(work) for work in (1, 0.01, 0.01, 0.01)]
        for expected, actual in zip((0, 1, 1.05, 1.1), begun, strict=True):
            self.assertAlmostEqual(actual, expected)

    def test_a_stop_ends_a_long_wait(self) -> None:
        pace = Pace(0.1, self.time.now, self.time.sleep)
        pace.wait(lambda: False)
        pace.wait(lambda: len(self.time.slept) >= 2)
        self.assertLessEqual(self.time.time - 1000, 0.2001)


class ReportTest(unittest.TestCase):
    def test_it_reports_frames_rate_and_time_when_due(self) -> None:
        time = FakeTime()
        report = Report(5, time.now)
        said = []
        for _ in range(170):
            time.time += 1 / 16
            said.append(report.frame(0.03))
        self.assertEqual(
            [line for line in said if line],
            [
                "80 frames, 16.0 fps, 30 ms per frame",
                "160 frames, 16.0 fps, 30 ms per frame",
            ],
        )
        self.assertEqual(report.total, 170)

    def test_one_frame_is_singular(self) -> None:
        self.assertEqual([counted(number) for number in (0, 1, 2)], ["0 frames", "1 frame", "2 frames"])


if __name__ == "__main__":
    unittest.main()
