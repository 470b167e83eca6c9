# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the render loop that do not need Blender: options, flag files, pacing and reports."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import command_line
from command_line import ANTIALIASING, ENGINES, Parser, ScriptError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PREFIX = "rendercast loop"
ANIMATIONS = ("loop", "off")

say = partial(command_line.say, PREFIX)


@dataclass(frozen=True)
class Options:
    """The parsed command line."""

    folder: Path
    width: int
    height: int
    fps: float
    frames: int
    """0: no limit."""
    engine: str
    antialiasing: str
    animate: str
    turn: str | None
    """An object's name, `active`, `none`, or None for the scene's default."""
    picture: str
    written: str
    running: str


def parse_options(argv: Sequence[str]) -> Options:
    """Parses Blender's command line. Exits with code 2 on an error."""
    parser = Parser(
        "loop.py",
        PREFIX,
        "Renders a scene repeatedly to one image file, which rendercast shows live.",
    )
    add = parser.add_argument
    add("--folder", type=Path, required=True, metavar="DIR", help="output folder; created if it is missing")
    add("--size", type=command_line.size, default=(480, 270), metavar="WIDTHxHEIGHT", help="frame size (480x270)")
    add("--fps", type=command_line.fps, default=20.0, help="maximum frame rate (20)")
    add("--frames", type=command_line.frames, default=0, help="number of frames; 0: no limit (0)")
    add("--engine", choices=list(ENGINES), default="workbench", help="render engine (workbench)")
    add("--antialiasing", choices=ANTIALIASING, default="OFF", help="for Workbench; all but OFF take much longer (OFF)")
    add("--animate", choices=ANIMATIONS, default="loop", help="play the scene's timeline frame by frame (loop)")
    add("--turn", metavar="OBJECT", help="object to rotate, `active` or `none` (none; the built-in scene rotates)")
    add("--picture", type=_name, default="img.jpg", metavar="NAME", help="the JPEG file (img.jpg)")
    add("--written", type=_name, default="img_written.txt", metavar="NAME", help="flag: 0 while writing a frame, else 1")
    add("--running", type=_name, default="img_running.txt", metavar="NAME", help="flag: 1 while the loop runs, else 0")
    given = parser.read(argv)
    names = (given.picture, given.written, given.running)
    if len(set(names)) < len(names):
        parser.error("--picture, --written and --running need three different names")
    width, height = given.size
    rest = {name: value for name, value in vars(given).items() if name != "size"}
    return Options(width=width, height=height, **rest)


def _name(text: str) -> str:
    if text not in ("", ".", "..") and Path(text).name == text:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not a file name; use --folder for the folder")


class Flag:
    """A file that contains `0` or `1`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def set(self, value: bool) -> None:
        """Writes the flag in place. It is empty for a moment; readers of such flags expect that."""
        try:
            with open(self._path, "w") as file:
                file.write("1" if value else "0")
        except OSError as error:
            raise unwritable(self._path, error) from error


def make_folder(folder: Path) -> None:
    """Creates the output folder if it is missing. Raises ScriptError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(path: Path, error: OSError) -> ScriptError:
    """Returns the error for a file or folder that cannot be written."""
    return ScriptError(f"{path} cannot be written ({error.strerror}); choose a writable --folder.")


class Pace:
    """Keeps a rate of steps per second by absolute deadlines, so that delays do not add up."""

    def __init__(self, fps: float, now: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._period = 1 / fps
        self._now = now
        self._sleep = sleep
        self._due = now()

    def wait(self, stopped: Callable[[], bool]) -> None:
        """Sleeps until the next step is due, or until stopped. Skips steps if it is a whole step late."""
        # In slices, because a signal does not end Python's sleep.
        while (left := self._due - self._now()) > 0 and not stopped():
            self._sleep(min(left, 0.1))
        now = self._now()
        self._due = (self._due if now - self._due < self._period else now) + self._period


class Report:
    """Measures the loop, and formats a line every few seconds."""

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._since = now()
        self._frames = 0
        self._rendering = 0.0
        self.total = 0

    def frame(self, seconds: float) -> str | None:
        """Counts a frame that took that many seconds. Returns a line if one is due."""
        self.total += 1
        self._frames += 1
        self._rendering += seconds
        elapsed = self._now() - self._since
        if elapsed < self._seconds:
            return None
        fps = self._frames / elapsed
        each = self._rendering / self._frames * 1000
        self._since = self._now()
        self._frames = 0
        self._rendering = 0.0
        return f"{counted(self.total)}, {fps:.1f} fps, {each:.0f} ms per frame"


def counted(frames: int) -> str:
    """Returns `1 frame`, `2 frames`."""
    return f"{frames} {'frame' if frames == 1 else 'frames'}"


def motion(played: range | None, frame: int, turned: str | None) -> str:
    """Describes what moves: the played frames and the rotating object, or the frame that is shown."""
    moves = [f"timeline frames {played[0]}-{played[-1]}"] if played else []
    moves += [f"rotation of {turned}"] if turned else []
    return " and ".join(moves) or f"still at frame {frame}"
