# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the background publisher that do not need Blender: its options and its animation time."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import command_line
from command_line import Parser
from rendercast.address import Address, AddressError, check_stream, check_token, parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIX = "rendercast"
ENGINES = (*command_line.ENGINES, "scene")
ANIMATIONS = ("loop", "once", "off")
CONTROLS = ("off", "orbit")
ANTIALIASING = ("auto", *command_line.ANTIALIASING)

say = partial(command_line.say, PREFIX)


@dataclass(frozen=True)
class Options:
    """The parsed command line."""

    server: Address
    stream: str
    token: str
    takeover: bool
    camera: str | None
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
    script: Path | None
    control: str
    always: bool
    with_parent: bool


def parse_options(argv: Sequence[str], env: Mapping[str, str] = os.environ) -> Options:
    """Parses Blender's command line. Exits with code 2 on an error."""
    parser = Parser(
        "background.py",
        PREFIX,
        "Draws a scene in Blender's background mode and sends the frames to a rendercast server. "
        "Set RENDERCAST_PUBLISH_TOKEN to the publish token if the server needs one.",
    )
    add = parser.add_argument
    add("--server", type=_server, required=True, metavar="URL", help="such as http://127.0.0.1:8080, or unix:PATH")
    add("--stream", type=_stream, default="main", metavar="NAME", help="name of the stream (main)")
    add("--takeover", action="store_true", help="replace another publisher; needs the token")
    add("--camera", metavar="NAME", help="camera (the scene's own)")
    add("--size", type=command_line.size, default=(960, 540), metavar="WIDTHxHEIGHT", help="frame size (960x540)")
    add("--fps", type=command_line.fps, default=24.0, help="maximum frame rate (24)")
    add("--frames", type=command_line.frames, default=0, help="number of frames; 0: no limit (0)")
    add("--engine", choices=ENGINES, default="workbench", help="render engine; scene: the scene's own (workbench)")
    add("--antialiasing", choices=ANTIALIASING, default="auto", help="for Workbench; auto: OFF without a GPU (auto)")
    add("--animate", choices=ANIMATIONS, default="loop", help="how to play the scene's animation (loop)")
    add("--turn", metavar="OBJECT", help="object to rotate, `active` or `none` (none; the built-in scene rotates)")
    add("--script", type=_script, metavar="FILE.py", help="script to run first; it may build the scene")
    add("--control", choices=CONTROLS, default="off", help="what viewers may do: orbit turns the stream's view (off)")
    add("--always", action="store_true", help="draw without viewers too")
    add("--with-parent", action="store_true", help="exit when the parent process exits")
    given = parser.read(argv)
    try:
        token = check_token(env.get("RENDERCAST_PUBLISH_TOKEN", ""))
    except AddressError as error:
        parser.error(f"RENDERCAST_PUBLISH_TOKEN: {str(error).rstrip('.')}")
    width, height = given.size
    rest = {name: value for name, value in vars(given).items() if name != "size"}
    return Options(token=token, width=width, height=height, **rest)


def _server(text: str) -> Address:
    try:
        return parse_address(text)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def _stream(text: str) -> str:
    try:
        return check_stream(text)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def _script(text: str) -> Path:
    if Path(text).is_file():
        return Path(text)
    raise argparse.ArgumentTypeError(f"there is no script {text}; check its path")


class Moment(NamedTuple):
    """A time in the animation, as Blender's frame_set takes it."""

    frame: int
    subframe: float


class Animation:
    """Maps ticks to animation time, so that the animation keeps its speed at any frame rate."""

    def __init__(self, mode: str, first: int, last: int, scene_fps: float, fps: float) -> None:
        self._mode = mode
        self._first = first
        self._last = max(first, last)
        self._step = scene_fps / fps

    def at(self, tick: int) -> Moment | None:
        """Returns the animation time of a tick, or None after the end of `once`."""
        elapsed = round(tick * self._step, 6)
        length = self._last - self._first + 1
        if self._mode == "once":
            if elapsed >= length:
                return None
        else:
            elapsed %= length
        frame = int(elapsed)
        return Moment(self._first + frame, elapsed - frame)
