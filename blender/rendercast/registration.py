# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers the add-on with Blender, and unregisters it."""

from __future__ import annotations

import sys
from types import ModuleType

import bpy

from . import session
from .operators import RENDERCAST_OT_copy_address, RENDERCAST_OT_start, RENDERCAST_OT_stop
from .panel import RENDERCAST_PT_render, RENDERCAST_PT_sidebar
from .properties import RendercastPreferences, RendercastSettings, attach, detach
from .telemetry import TelemetryError, publish_data

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


_public = ModuleType(NAME, "What users' scripts import: publish_data and TelemetryError.")
"""A module of its own: Blender reports an extension whose files are loaded under another name than its own."""
_public.publish_data = publish_data
_public.TelemetryError = TelemetryError


def alias() -> None:
    """Makes `import rendercast` find the add-on, unless another module has that name."""
    if __package__ != NAME:
        sys.modules.setdefault(NAME, _public)


def unalias() -> None:
    """Removes the name, if it is the add-on's."""
    if sys.modules.get(NAME) is _public:
        del sys.modules[NAME]
