# SPDX-License-Identifier: GPL-3.0-or-later
"""The render loop without Blender: its options, its flag files and its pace."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

ENGINES = {
    "workbench": ("BLENDER_WORKBENCH",),
    # Blender 4.2 to 4.5 call it EEVEE_NEXT, the versions before and after do not.
    "eevee": ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE"),
    "cycles": ("CYCLES",),
}
"""The ids of each engine in Blender, the first that a Blender knows being the one."""

ANTIALIASING = ("OFF", "FXAA", "5", "8", "11", "16", "32")
"""What Workbench knows as antialiasing: none, a filter, or samples a pixel."""


class LoopError(Exception):
    """Why the loop cannot go on: a sentence for the user that says what to do."""


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
    turn: str | None
    """The name of an object, `active`, `none`, or None for the active object where there is one."""
    picture: str
    written: str
    running: str


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"rendercast loop: {message}; -- --help lists the options.\n")


def parse_options(argv: Sequence[str]) -> Options:
    """Reads Blender's whole command line, of which all behind `--` is the loop's. Exits with code 2 on a mistake."""
    own = argv[argv.index("--") + 1 :] if "--" in argv else []
    parser = _Parser(
        prog="blender -b [scene.blend] -P loop.py --",
        description="Renders a scene again and again into one picture file, for rendercast to show live.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--folder", type=Path, required=True, metavar="DIR", help="where the files go; made if it is not there")
    add("--size", type=_size, default=(480, 270), metavar="WIDTHxHEIGHT", help="of the pictures (480x270)")
    add("--fps", type=_fps, default=20.0, help="pictures a second at most (20)")
    add("--frames", type=_frames, default=0, help="how many pictures; 0: until stopped (0)")
    add("--engine", choices=list(ENGINES), default="workbench", help="what renders (workbench)")
    add("--antialiasing", choices=ANTIALIASING, default="OFF", help="Workbench's; all but OFF cost much time (OFF)")
    add("--turn", metavar="OBJECT", help="an object to turn, or `active` or `none` (none, but active in the scene of its own)")
    add("--picture", type=_name, default="img.jpg", metavar="NAME", help="the JPEG file (img.jpg)")
    add("--written", type=_name, default="img_written.txt", metavar="NAME", help="0 while a picture is written, else 1")
    add("--running", type=_name, default="img_running.txt", metavar="NAME", help="1 while the loop runs, else 0")
    given = parser.parse_args(own)
    names = (given.picture, given.written, given.running)
    if len(set(names)) < len(names):
        parser.error("--picture, --written and --running need three different names")
    return Options(
        folder=given.folder,
        width=given.size[0],
        height=given.size[1],
        fps=given.fps,
        frames=given.frames,
        engine=given.engine,
        antialiasing=given.antialiasing,
        turn=given.turn,
        picture=given.picture,
        written=given.written,
        running=given.running,
    )


def asked_scene(argv: Sequence[str]) -> str | None:
    """Returns the scene file that Blender's command line names, if it does."""
    own = argv[: argv.index("--")] if "--" in argv else argv
    return next((argument for argument in own[1:] if argument.endswith(".blend")), None)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if width.isdecimal() and height.isdecimal() and all(16 <= int(side) <= 8192 for side in (width, height)):
        return int(width), int(height)
    raise argparse.ArgumentTypeError(f"{text} is no size from 16x16 to 8192x8192, such as 480x270")


def _fps(text: str) -> float:
    try:
        fps = float(text)
    except ValueError:
        fps = 0.0
    if 0 < fps <= 240:
        return fps
    raise argparse.ArgumentTypeError(f"{text} is no number above 0 and up to 240")


def _frames(text: str) -> int:
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no whole number from 0")


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


def unwritable(path: Path, error: OSError) -> LoopError:
    """The error for a file or folder that cannot be written."""
    return LoopError(f"{path} cannot be written ({error.strerror}); give a folder that can by --folder.")


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
        return f"rendercast loop: {self.total} pictures, {fps:.1f} a second, {each:.0f} ms each"


def say(line: str, error: bool = False) -> None:
    """Prints a line at once, even into a pipe."""
    print(line, file=sys.stderr if error else sys.stdout, flush=True)
