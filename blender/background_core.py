# SPDX-License-Identifier: GPL-3.0-or-later
"""The background publisher without Blender: its options, its place in the animation, and when it rests."""

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

SPEAKER = "rendercast"
ENGINES = (*command_line.ENGINES, "scene")
ANIMATIONS = ("loop", "once", "off")
ANTIALIASING = ("auto", *command_line.ANTIALIASING)

say = partial(command_line.say, SPEAKER)


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    server: Address
    stream: str
    token: str
    takeover: bool
    camera: str | None
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
    script: Path | None
    always: bool
    with_parent: bool


def parse_options(argv: Sequence[str], env: Mapping[str, str] = os.environ) -> Options:
    """Reads Blender's command line. Exits with code 2 on a mistake."""
    parser = Parser(
        "background.py",
        SPEAKER,
        "Draws a scene without Blender's window and sends the frames to a rendercast server. "
        "The environment variable RENDERCAST_PUBLISH_TOKEN holds the token, where the server asks for one.",
    )
    add = parser.add_argument
    add("--server", type=_server, required=True, metavar="URL", help="such as http://127.0.0.1:8080, or unix:PATH")
    add("--stream", type=_stream, default="main", metavar="NAME", help="what the stream is called (main)")
    add("--takeover", action="store_true", help="take the place of another publisher; needs the token")
    add("--camera", metavar="NAME", help="the camera to look through, instead of the scene's own")
    add("--size", type=command_line.size, default=(960, 540), metavar="WIDTHxHEIGHT", help="of the frames (960x540)")
    add("--fps", type=command_line.fps, default=24.0, help="frames a second at most (24)")
    add("--frames", type=command_line.frames, default=0, help="how many frames; 0: until stopped (0)")
    add("--engine", choices=ENGINES, default="workbench", help="what draws; scene: what the scene says (workbench)")
    add("--antialiasing", choices=ANTIALIASING, default="auto", help="Workbench's; auto: OFF without a graphics card")
    add("--animate", choices=ANIMATIONS, default="loop", help="play the scene's animation (loop)")
    add("--turn", metavar="OBJECT", help="an object to turn, `active` or `none` (none; the scene of its own turns)")
    add("--script", type=_script, metavar="FILE.py", help="a script to run first: it may build the scene")
    add("--always", action="store_true", help="draw even while nobody watches")
    add("--with-parent", action="store_true", help="end when the program that started Blender has ended")
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
    raise argparse.ArgumentTypeError(f"there is no script {text}")


class Moment(NamedTuple):
    """A place in the animation, as Blender's frame_set takes it."""

    frame: int
    subframe: float


class Animation:
    """Where the scene's animation is at a tick: at its own speed, however many frames a second are shown."""

    def __init__(self, mode: str, first: int, last: int, scene_fps: float, fps: float) -> None:
        self._mode = mode
        self._first = first
        self._last = max(first, last)
        self._step = scene_fps / fps

    def at(self, tick: int) -> Moment | None:
        """The moment of a tick; None once all has been shown."""
        gone = round(tick * self._step, 6)
        length = self._last - self._first + 1
        if self._mode == "once":
            if gone >= length:
                return None
        else:
            gone %= length
        frame = int(gone)
        return Moment(self._first + frame, gone - frame)
