# SPDX-License-Identifier: GPL-3.0-or-later
"""How the scripts without a window talk with their user: options behind Blender's `--`, and sentences."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
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


class ScriptError(Exception):
    """Why a script cannot go on: a sentence for the user that says what to do."""


class Parser(argparse.ArgumentParser):
    """Reads a script's options, and refuses a mistake in one line with exit code 2."""

    def __init__(self, script: str, speaker: str, description: str) -> None:
        prog = f"blender -b [scene.blend] -P {script} --"
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self._speaker = speaker

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Reads Blender's whole command line, of which all behind `--` is the script's."""
        return self.parse_args(argv[argv.index("--") + 1 :] if "--" in argv else [])

    def error(self, message: str) -> NoReturn:
        """Ends Blender."""
        self.exit(2, f"{self._speaker}: {message}; -- --help lists the options.\n")


def size(text: str) -> tuple[int, int]:
    """Reads WIDTHxHEIGHT."""
    width, _, height = text.partition("x")
    if width.isdecimal() and height.isdecimal() and all(16 <= int(side) <= 8192 for side in (width, height)):
        return int(width), int(height)
    raise argparse.ArgumentTypeError(f"{text} is no size from 16x16 to 8192x8192, such as 960x540")


def fps(text: str) -> float:
    """Reads how many pictures a second."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0 < number <= 240:
        return number
    raise argparse.ArgumentTypeError(f"{text} is no number above 0 and up to 240")


def frames(text: str) -> int:
    """Reads how many pictures there are to be."""
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no whole number from 0")


def asked_scene(argv: Sequence[str]) -> str | None:
    """Returns the scene file that Blender's command line names, if it does."""
    own = argv[: argv.index("--")] if "--" in argv else argv
    return next((argument for argument in own[1:] if argument.endswith(".blend")), None)


def say(speaker: str, line: str, error: bool = False) -> None:
    """Prints a line at once, even into a pipe."""
    print(f"{speaker}: {line}", file=sys.stderr if error else sys.stdout, flush=True)
