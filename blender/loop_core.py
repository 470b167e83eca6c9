# SPDX-License-Identifier: GPL-3.0-or-later
"""The render loop without Blender: its options, its flag files and its pace."""

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

SPEAKER = "rendercast loop"
ANIMATIONS = ("loop", "off")

say = partial(command_line.say, SPEAKER)


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    folder: Path
    width: int
    height: int
    fps: float
    frames: int
    """0: until stopped."""
    engine: str
    antialiasing: str
    animate: str
    turn: str | None
    """The name of an object, `active`, `none`, or None: as the scene suggests."""
    picture: str
    written: str
    running: str


def parse_options(argv: Sequence[str]) -> Options:
    """Reads Blender's command line. Exits with code 2 on a mistake."""
    parser = Parser(
        "loop.py",
        SPEAKER,
        "Renders a scene again and again into one picture file, for rendercast to show live.",
    )
    add = parser.add_argument
    add("--folder", type=Path, required=True, metavar="DIR", help="where the files go; made if it is not there")
    add("--size", type=command_line.size, default=(480, 270), metavar="WIDTHxHEIGHT", help="of the pictures (480x270)")
    add("--fps", type=command_line.fps, default=20.0, help="pictures a second at most (20)")
    add("--frames", type=command_line.frames, default=0, help="how many pictures; 0: until stopped (0)")
    add("--engine", choices=list(ENGINES), default="workbench", help="what renders (workbench)")
    add("--antialiasing", choices=ANTIALIASING, default="OFF", help="Workbench's; all but OFF cost much time (OFF)")
    add("--animate", choices=ANIMATIONS, default="loop", help="play the scene's timeline, a frame a picture (loop)")
    add("--turn", metavar="OBJECT", help="an object to turn, `active` or `none` (none; the scene of its own turns)")
    add("--picture", type=_name, default="img.jpg", metavar="NAME", help="the JPEG file (img.jpg)")
    add("--written", type=_name, default="img_written.txt", metavar="NAME", help="0 while a picture is written, else 1")
    add("--running", type=_name, default="img_running.txt", metavar="NAME", help="1 while the loop runs, else 0")
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
    raise argparse.ArgumentTypeError(f"{text!r} is no file name; --folder says where the files go")


class Flag:
    """A file that says `0` or `1`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def set(self, value: bool) -> None:
        """Writes it in place, for a moment empty: readers of such loops know it so."""
        try:
            with open(self._path, "w") as file:
                file.write("1" if value else "0")
        except OSError as error:
            raise unwritable(self._path, error) from error


def make_folder(folder: Path) -> None:
    """Makes the folder of the files where it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(path: Path, error: OSError) -> ScriptError:
    """The error for a file or folder that cannot be written."""
    return ScriptError(f"{path} cannot be written ({error.strerror}); give a folder that can by --folder.")


class Pace:
    """Keeps to a number of steps a second by absolute deadlines, so that small delays do not add up."""

    def __init__(self, fps: float, now: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._period = 1 / fps
        self._now = now
        self._sleep = sleep
        self._due = now()

    def wait(self, stopped: Callable[[], bool]) -> None:
        """Sleeps until the next step is due, or until stopped. A whole step or more behind, it does not catch up."""
        # In slices, because Python goes on sleeping after a signal.
        while (left := self._due - self._now()) > 0 and not stopped():
            self._sleep(min(left, 0.1))
        now = self._now()
        self._due = (self._due if now - self._due < self._period else now) + self._period


class Report:
    """Says every few seconds how the loop does."""

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._since = now()
        self._frames = 0
        self._rendering = 0.0
        self.total = 0

    def frame(self, seconds: float) -> str | None:
        """Counts a picture that took so long, and returns the line when one is due."""
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
        return f"{counted(self.total)}, {fps:.1f} a second, {each:.0f} ms each"


def counted(pictures: int) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{pictures} {'picture' if pictures == 1 else 'pictures'}"


def motion(played: range | None, frame: int, turned: str | None) -> str:
    """Says what moves: the timeline's frames, if they play, and the object that turns; or the frame that stands."""
    moves = [f"timeline frames {played[0]}-{played[-1]}"] if played else []
    moves += [f"turn of {turned}"] if turned else []
    return " and ".join(moves) or f"still at frame {frame}"
