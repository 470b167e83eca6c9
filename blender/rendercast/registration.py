# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers the add-on with Blender, and unregisters it."""

from __future__ import annotations

import sys

import bpy

from . import session
from .operators import RENDERCAST_OT_copy_address, RENDERCAST_OT_start, RENDERCAST_OT_stop
from .panel import RENDERCAST_PT_render, RENDERCAST_PT_sidebar
from .properties import RendercastPreferences, RendercastSettings, attach, detach

NAME = "rendercast"
"""The name by which users' scripts import the add-on, whatever Blender calls its package."""

_CLASSES = (
    RendercastPreferences,
    RendercastSettings,
    RENDERCAST_OT_start,
    RENDERCAST_OT_stop,
    RENDERCAST_OT_copy_address,
    RENDERCAST_PT_sidebar,
    RENDERCAST_PT_render,
)


def register() -> None:
    """Registers the classes, the fields and the handlers."""
    for known in _CLASSES:
        bpy.utils.register_class(known)
    attach()
    session.attach()
    alias()


def unregister() -> None:
    """Unregisters everything in reverse order."""
    unalias()
    session.detach()
    detach()
    for known in reversed(_CLASSES):
        bpy.utils.unregister_class(known)


def alias() -> None:
    """Makes `import rendercast` find the add-on, unless another module has that name."""
    if __package__ == NAME or NAME in sys.modules:
        return
    for name, module in _own_modules():
        sys.modules[NAME + name.removeprefix(__package__)] = module


def unalias() -> None:
    """Removes the name, if it is the add-on's."""
    if __package__ == NAME:
        return
    for name, module in _own_modules():
        short = NAME + name.removeprefix(__package__)
        if sys.modules.get(short) is module:
            del sys.modules[short]


def _own_modules() -> list[tuple[str, object]]:
    return [
        (name, module)
        for name, module in list(sys.modules.items())
        if name == __package__ or name.startswith(f"{__package__}.")
    ]
