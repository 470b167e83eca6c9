# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives Blender's window step by step, with the add-on in it."""

from __future__ import annotations

import os
import sys
import time
import traceback
from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INTERVAL = 0.02
"""Seconds between two looks at a condition."""


def module(name: str):
    """Returns a module of the add-on, whatever Blender calls its package."""
    package = bpy.types.RENDERCAST_PT_sidebar.__module__.rpartition(".")[0]
    return sys.modules[f"{package}.{name}"]


def session():
    """Returns the add-on's session module."""
    return module("session")


def run(steps: Iterator[Callable[[], object]], patience: float) -> None:
    """Runs the steps, each after the condition that the one before yielded is true.

    Blender exits with code 1 if a step raises an exception, or a condition takes longer than `patience` seconds.
    """
    waiting: Callable[[], object] | None = None
    deadline = time.monotonic() + patience

    def go_on() -> float | None:
        nonlocal waiting, deadline
        try:
            if waiting and not waiting():
                if time.monotonic() > deadline:
                    raise TimeoutError(f"timed out; the panel shows {session().shown()}")
                return INTERVAL
            waiting = next(steps)
            deadline = time.monotonic() + patience
        except StopIteration:
            return None
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        return INTERVAL

    bpy.app.timers.register(go_on, first_interval=0.5, persistent=True)
