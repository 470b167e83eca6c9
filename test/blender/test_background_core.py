"""Tests of the background publisher's parts that do not need Blender."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from background_core import Animation, Options, parse_options
from refusal import refusal
from rendercast.address import Address

BLENDER = ["/usr/bin/blender", "-b", "-P", "background.py", "--", "--server", "http://127.0.0.1:8080"]


def parse(*own: str, token: str | None = None) -> Options:
    return parse_options([*BLENDER, *own], {} if token is None else {"RENDERCAST_PUBLISH_TOKEN": token})


class ParseOptions(unittest.TestCase):
    def test_a_server_is_all_it_needs(self) -> None:
        self.assertEqual(
            parse(),
            Options(
                server=Address("127.0.0.1", 8080),
                stream="main",
                token="",
                takeover=False,
                camera=None,
                width=960,
                height=540,
                fps=24,
                frames=0,
                engine="workbench",
                antialiasing="auto",
                animate="loop",
                turn=None,
                script=None,
                control="off",
                always=False,
                with_parent=False,
            ),
        )

    def test_everything_given(self) -> None:
        options = parse(
            *("--stream", "cell-7", "--takeover", "--camera", "Side view", "--size", "480x270", "--fps", "29.97"),
            *("--frames", "5", "--engine", "scene", "--antialiasing", "FXAA", "--animate", "once", "--turn", "Cube"),
            *("--script", __file__, "--always", "--with-parent"),
            token="s3cret",
        )
        self.assertEqual((options.width, options.height, options.fps), (480, 270, 29.97))
        self.assertEqual((options.stream, options.camera, options.turn), ("cell-7", "Side view", "Cube"))
        self.assertEqual((options.token, options.script), ("s3cret", Path(__file__)))
        self.assertTrue(options.takeover and options.always and options.with_parent)

    def test_what_is_wrong_is_said_in_a_sentence(self) -> None:
        for own, said in (
            (("--server", "http://x/y"), "must end after the port"),
            (("--stream", "a b"), "'a b' is not a stream name"),
            (("--size", "big"), "big is not a size"),
            (("--fps", "0"), "0 is not a number above 0"),
            (("--frames", "-1"), "-1 is not a whole number"),
            (("--engine", "povray"), "povray"),
            (("--script", "/nowhere.py"), "there is no script /nowhere.py"),
        ):
            self.assertIn(said, refusal(lambda own=own: parse(*own)), own)
        self.assertIn("RENDERCAST_PUBLISH_TOKEN", refusal(lambda: parse(token="a\nb")))

    def test_no_server_is_refused(self) -> None:
        self.assertIn("--server", refusal(lambda: parse_options(["blender", "-b"], {})))


class AnimationTest(unittest.TestCase):
    def test_it_plays_at_the_scenes_own_speed_and_repeats(self) -> None:
        animation = Animation("loop", 1, 4, scene_fps=24, fps=24)
        self.assertEqual([animation.at(tick).frame for tick in range(6)], [1, 2, 3, 4, 1, 2])
        halves = Animation("loop", 1, 4, scene_fps=12, fps=24)
        self.assertEqual(
            [tuple(halves.at(tick)) for tick in (0, 1, 2, 7, 8)], [(1, 0), (1, 0.5), (2, 0), (4, 0.5), (1, 0)]
        )

    def test_once_ends_behind_the_last_frame(self) -> None:
        animation = Animation("once", 10, 12, scene_fps=24, fps=24)
        self.assertEqual(
            [animation.at(tick) and animation.at(tick).frame for tick in range(5)], [10, 11, 12, None, None]
        )

    def test_no_error_adds_up(self) -> None:
        animation = Animation("loop", 1, 250, scene_fps=23.976, fps=29.97)
        moment = animation.at(5 * 100_000)
        self.assertEqual(moment.frame, 1 + 4 * 100_000 % 250)
        self.assertAlmostEqual(moment.subframe, 0)

    def test_a_scene_of_one_frame(self) -> None:
        animation = Animation("loop", 5, 5, scene_fps=24, fps=24)
        self.assertEqual([animation.at(tick).frame for tick in range(3)], [5, 5, 5])


if __name__ == "__main__":
    unittest.main()
