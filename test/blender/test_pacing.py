"""Tests of frame pacing."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))

from rendercast.pacing import PAUSE_DELAY, Meter, Share, Ticks, ViewerPause


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


class TicksTest(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.ticks = Ticks(10, self.clock)

    def due_at(self) -> float:
        return round(self.clock.time + self.ticks.due_in() - 100, 6)

    def test_delays_do_not_add_up(self) -> None:
        taken = []
        for _ in range(50):
            self.clock.time += self.ticks.due_in() + 0.013
            taken.append(self.ticks.take())
        self.assertEqual(taken, list(range(50)))
        self.assertEqual(self.due_at(), 5.0)

    def test_what_comes_too_late_is_left_out(self) -> None:
        self.assertEqual(self.ticks.take(), 0)
        self.clock.time += 0.57
        self.assertEqual(self.ticks.due_in(), 0)
        self.assertEqual(self.ticks.take(), 5)
        self.assertEqual(self.due_at(), 0.6)

    def test_a_pause_takes_no_time(self) -> None:
        self.ticks.take()
        self.clock.time += 0.05
        self.ticks.pause()
        self.clock.time += 60
        self.ticks.pause()
        self.ticks.resume()
        self.ticks.resume()
        self.assertAlmostEqual(self.ticks.due_in(), 0.05)
        self.clock.time += 0.05
        self.assertEqual(self.ticks.take(), 1)

    def test_another_pace_goes_on_counting(self) -> None:
        self.ticks.take()
        self.ticks.set_fps(20)
        self.assertAlmostEqual(self.ticks.fps, 20)
        self.clock.time += self.ticks.due_in()
        self.assertEqual(self.ticks.take(), 1)
        self.assertAlmostEqual(self.ticks.due_in(), 0.05)

    def test_the_same_pace_changes_nothing(self) -> None:
        self.ticks.take()
        before = self.ticks.due_in()
        self.ticks.set_fps(10)
        self.assertEqual(self.ticks.due_in(), before)


class ShareTest(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.share = Share(self.clock)

    def test_after_work_as_long_is_free_from_its_end_on(self) -> None:
        self.share.begin()
        self.clock.time += 1.4
        self.assertAlmostEqual(self.share.end(), 1.4)
        self.assertAlmostEqual(self.share.free_for(), 1.4)
        self.clock.time += 1.3
        self.assertAlmostEqual(self.share.free_for(), 0.1)
        self.clock.time += 0.2
        self.assertEqual(self.share.free_for(), 0)

    def test_half_of_the_time_is_free_however_early_the_next_look_comes(self) -> None:
        worked = 0.0
        began = self.clock.time
        for work in (0.5, 0.01, 0.2, 1.0) * 5:
            self.share.begin()
            self.clock.time += work
            worked += self.share.end()
            # Like a timer whose wait counts from the start of the work.
            while self.share.free_for() > 0:
                self.clock.time += max(0.001, self.share.free_for() - work)
        self.assertGreaterEqual(self.clock.time - began, 2 * worked - 1e-6)

    def test_before_any_work_there_is_nothing_to_wait_for(self) -> None:
        self.assertEqual(self.share.free_for(), 0)


class MeterTest(unittest.TestCase):
    def test_it_tells_once_a_stretch(self) -> None:
        clock = Clock()
        meter = Meter(2, clock)
        for _ in range(10):
            clock.time += 0.19
            meter.frame(0.05)
            self.assertIsNone(meter.read())
        clock.time += 0.35
        figures = meter.read()
        self.assertAlmostEqual(figures.fps, 10 / 2.25)
        self.assertAlmostEqual(figures.milliseconds, 50)
        self.assertIsNone(meter.read())

    def test_the_first_stretch_may_be_another(self) -> None:
        clock = Clock()
        meter = Meter(30, clock, first=5)
        told = []
        for second in range(100):
            clock.time += 1
            if second == 2:
                meter.restart()
            if meter.read():
                told.append(second)
        self.assertEqual(told, [7, 37, 67, 97])

    def test_a_stretch_without_frames(self) -> None:
        clock = Clock()
        meter = Meter(1, clock)
        clock.time += 1
        self.assertEqual(meter.read(), (0, 0))


class ViewerPauseTest(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def test_it_pauses_a_while_after_the_last_viewer(self) -> None:
        pause = ViewerPause(False, self.clock)
        pause.shown(1)
        self.assertFalse(pause.paused(1, 1))
        self.clock.time += PAUSE_DELAY - 0.1
        self.assertFalse(pause.paused(0, 1))
        self.clock.time += 0.2
        self.assertTrue(pause.paused(0, 1))
        self.assertFalse(pause.paused(1, 1))

    def test_each_connection_gets_a_frame(self) -> None:
        pause = ViewerPause(False, self.clock)
        self.clock.time += 60
        self.assertFalse(pause.paused(0, 1))
        pause.shown(1)
        self.assertTrue(pause.paused(0, 1))
        self.assertFalse(pause.paused(0, 2))

    def test_an_unknown_number_counts_as_viewers(self) -> None:
        pause = ViewerPause(False, self.clock)
        pause.shown(1)
        self.clock.time += 60
        self.assertFalse(pause.paused(None, 1))

    def test_always_never_pauses(self) -> None:
        pause = ViewerPause(True, self.clock)
        pause.shown(1)
        self.clock.time += 60
        self.assertFalse(pause.paused(0, 1))


if __name__ == "__main__":
    unittest.main()
