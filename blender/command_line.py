# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line that background.py and loop.py share: options after Blender's `--`, and messages."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

ENGINES = {
    "workbench": ("BLENDER_WORKBENCH",),
    # Blender 4.2 to 4.5 use EEVEE_NEXT, earlier and later versions EEVEE.
    "eevee": ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE"),
    "cycles": ("CYCLES",),
}
"""Blender's ids of each engine, to be tried in this order."""

ANTIALIASING = ("OFF", "FXAA", "5", "8", "11", "16", "32")
"""Workbench's antialiasing modes: none, a filter, or samples per pixel."""


class ScriptError(Exception):
    """The script cannot go on. The message is a sentence that says what to do."""


class Parser(argparse.ArgumentParser):
    """Parses a script's options. An error is one line, with exit code 2."""

    def __init__(self, script: str, prefix: str, description: str) -> None:
        """`prefix`: the start of each error message."""
        prog = f"blender -b [scene.blend] -P {script} --"
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self._prefix = prefix

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parses what follows `--` in Blender's command line."""
        return self.parse_args(argv[argv.index("--") + 1 :] if "--" in argv else [])

    def error(self, message: str) -> NoReturn:
        """Exits with code 2. Overrides argparse.ArgumentParser."""
        self.exit(2, f"{self._prefix}: {message}; -- --help lists the options.\n")


def size(text: str) -> tuple[int, int]:
    """Parses WIDTHxHEIGHT. Raises ArgumentTypeError."""
    width, _, height = text.partition("x")
    if width.isdecimal() and height.isdecimal() and all(16 <= int(side) <= 8192 for side in (width, height)):
        return int(width), int(height)
    raise argparse.ArgumentTypeError(f"{text} is not a size from 16x16 to 8192x8192, such as 960x540")


def fps(text: str) -> float:
    """Parses a frame rate. Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0 < number <= 240:
        return number
    raise argparse.ArgumentTypeError(f"{text} is not a number above 0 and up to 240")


def frames(text: str) -> int:
    """Parses a number of frames. Raises ArgumentTypeError."""
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0")


def requested_scene(argv: Sequence[str]) -> str | None:
    """Returns the .blend file that Blender's command line names, or None."""
    own = argv[: argv.index("--")] if "--" in argv else argv
    return next((argument for argument in own[1:] if argument.endswith(".blend")), None)


def say(prefix: str, line: str, error: bool = False) -> None:
    """Prints a line and flushes it, so that it passes a pipe at once."""
    print(f"{prefix}: {line}", file=sys.stderr if error else sys.stdout, flush=True)
