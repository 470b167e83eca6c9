# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's fields. Server and token are kept in Blender's preferences, the others until Blender quits."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import NamedTuple

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from .address import Address, check_stream, check_token, parse_address

DEFAULT_SERVER = "http://localhost:8080"

SOURCES = (
    ("CAMERA", "Scene camera", "The view of the scene's camera, without overlays"),
    ("VIEWPORT", "Viewport", "The largest 3D viewport, as you see it"),
)

_kept: dict[str, str] = {}
"""Server and token of a disabled add-on: Blender deletes its preferences. They last until Blender quits."""

_memory = SimpleNamespace(server=DEFAULT_SERVER, token=os.environ.get("RENDERCAST_PUBLISH_TOKEN", ""))


class RendercastPreferences(bpy.types.AddonPreferences):
    """Server and token. Blender keeps them in the user's preferences, never in a .blend file."""

    bl_idname = __package__

    server: StringProperty(name="Server", default=DEFAULT_SERVER)
    token: StringProperty(name="Token", subtype="PASSWORD", default=_memory.token, options={"SKIP_SAVE"})

    def draw(self, _context: bpy.types.Context) -> None:
        """Implements bpy.types.AddonPreferences."""
        self.layout.prop(self, "server")
        self.layout.prop(self, "token")


def _store() -> RendercastPreferences | SimpleNamespace:
    """Returns the preferences, or memory: an add-on enabled for this run only has no preferences."""
    entry = bpy.context.preferences.addons.get(__package__)
    return entry.preferences if entry and entry.preferences else _memory


def _save(name: str, value: str) -> None:
    store = _store()
    setattr(store, name, value)
    if store is not _memory:
        bpy.context.preferences.is_dirty = True


# Functions, because Blender runs lambdas without this module's names.
def _get_server(_self: object) -> str:
    return _store().server


def _set_server(_self: object, value: str) -> None:
    _save("server", value.strip() or DEFAULT_SERVER)


def _get_token(_self: object) -> str:
    return _store().token


def _set_token(_self: object, value: str) -> None:
    _save("token", value.strip())


class RendercastSettings(bpy.types.PropertyGroup):
    """The panel's fields. They belong to the window manager: .blend files and undo do not affect them."""

    server: StringProperty(
        name="Server",
        description="The rendercast server, such as http://localhost:8080",
        get=_get_server,
        set=_set_server,
        options={"SKIP_SAVE"},
    )
    stream: StringProperty(name="Stream", description="The name of the stream", default="main", maxlen=64)
    token: StringProperty(
        name="Token",
        description="The server's publish token, needed from other machines. It is never saved in a .blend file",
        subtype="PASSWORD",
        get=_get_token,
        set=_set_token,
        options={"SKIP_SAVE"},
    )
    source: EnumProperty(name="Source", description="What viewers see", items=SOURCES)
    width: IntProperty(name="Width", description="Width of the frames", default=960, min=16, max=8192, subtype="PIXEL")
    height: IntProperty(
        name="Height", description="Height of the frames", default=540, min=16, max=8192, subtype="PIXEL"
    )
    fps: FloatProperty(
        name="Frame rate",
        description="Maximum frames per second. Blender's interface keeps at least half of the time",
        default=24,
        min=0.1,
        max=120,
        soft_min=1,
        soft_max=60,
        precision=1,
        step=100,
    )
    rest: BoolProperty(name="Pause without viewers", description="Draw nothing until a viewer joins", default=True)
    control: BoolProperty(
        name="Viewers may turn the view",
        description="Viewers with the right to control turn what the stream shows. Your camera and viewport stay",
        default=False,
    )
    names: StringProperty(
        name="Data",
        description="Custom properties of the scene and the active object to send with each frame, comma-separated",
    )


class Target(NamedTuple):
    """The server, the stream and the token."""

    server: Address
    stream: str
    token: str


def settings() -> RendercastSettings:
    """Returns the panel's fields."""
    return bpy.context.window_manager.rendercast


def target() -> Target:
    """Parses the fields that say where the stream goes. Raises AddressError."""
    fields = settings()
    return Target(parse_address(fields.server), check_stream(fields.stream), check_token(fields.token))


def remember() -> dict[str, object]:
    """Returns the changed fields: opening a file resets the window manager."""
    fields = settings()
    names = ("stream", "source", "width", "height", "fps", "rest", "control", "names")
    return {name: getattr(fields, name) for name in names if fields.is_property_set(name)}


def restore(remembered: dict[str, object]) -> None:
    """Sets the fields to the remembered values."""
    for name, value in remembered.items():
        setattr(settings(), name, value)


def attach() -> None:
    """Adds the fields to the window manager."""
    bpy.types.WindowManager.rendercast = PointerProperty(type=RendercastSettings)
    store = _store()
    for name, value in _kept.items():
        if store is _memory or not store.is_property_set(name):
            _save(name, value)
    _kept.clear()


def detach() -> None:
    """Removes the fields."""
    store = _store()
    if store is not _memory:
        _kept.update({name: getattr(store, name) for name in ("server", "token") if store.is_property_set(name)})
    del bpy.types.WindowManager.rendercast
