# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel asks for, and where it is kept: for this run of Blender, the server and its token for good."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import NamedTuple

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from .address import Address, check_stream, check_token, parse_address

USUAL_SERVER = "http://localhost:8080"

SOURCES = (
    ("CAMERA", "Scene camera", "What the scene's camera sees, without the overlays"),
    ("VIEWPORT", "Viewport", "The largest 3D viewport, as it is on the screen"),
)

_memory = SimpleNamespace(server=USUAL_SERVER, token=os.environ.get("RENDERCAST_PUBLISH_TOKEN", ""))


class RendercastPreferences(bpy.types.AddonPreferences):
    """What Blender keeps with the user's preferences, and so never in a file that is given away."""

    bl_idname = __package__

    server: StringProperty(name="Server", default=USUAL_SERVER)
    token: StringProperty(name="Token", subtype="PASSWORD", default=_memory.token, options={"SKIP_SAVE"})

    def draw(self, _context: bpy.types.Context) -> None:
        """Shows them in Blender's preferences."""
        self.layout.prop(self, "server")
        self.layout.prop(self, "token")


def _keeper() -> RendercastPreferences | SimpleNamespace:
    """The preferences, or the memory: an add-on enabled for this run only has none."""
    entry = bpy.context.preferences.addons.get(__package__)
    return entry.preferences if entry and entry.preferences else _memory


def _keep(name: str, value: str) -> None:
    keeper = _keeper()
    setattr(keeper, name, value)
    if keeper is not _memory:
        bpy.context.preferences.is_dirty = True


# Named, because Blender would run lambdas without this module's names.
def _get_server(_self: object) -> str:
    return _keeper().server


def _set_server(_self: object, value: str) -> None:
    _keep("server", value.strip() or USUAL_SERVER)


def _get_token(_self: object) -> str:
    return _keeper().token


def _set_token(_self: object, value: str) -> None:
    _keep("token", value.strip())


class RendercastSettings(bpy.types.PropertyGroup):
    """The panel's fields. They hang on the window manager: a .blend holds nothing of them, and undo leaves them."""

    server: StringProperty(
        name="Server",
        description="Where rendercast runs, such as http://localhost:8080",
        get=_get_server,
        set=_set_server,
        options={"SKIP_SAVE"},
    )
    stream: StringProperty(name="Stream", description="What the stream is called", default="main", maxlen=64)
    token: StringProperty(
        name="Token",
        description="What the server asks publishers for that come from other machines; it is never saved in a .blend",
        subtype="PASSWORD",
        get=_get_token,
        set=_set_token,
        options={"SKIP_SAVE"},
    )
    source: EnumProperty(name="Source", description="What viewers see", items=SOURCES)
    width: IntProperty(name="Width", description="Of the pictures sent", default=960, min=16, max=8192, subtype="PIXEL")
    height: IntProperty(
        name="Height", description="Of the pictures sent", default=540, min=16, max=8192, subtype="PIXEL"
    )
    fps: FloatProperty(
        name="Frame rate",
        description="Pictures a second at most; Blender's interface keeps at least half of the time",
        default=24,
        min=0.1,
        max=120,
        soft_min=1,
        soft_max=60,
        precision=1,
        step=100,
    )
    rest: BoolProperty(name="Rest while nobody watches", description="Draw nothing until a viewer comes", default=True)
    names: StringProperty(
        name="Data",
        description="Custom properties of the scene and the active object to send along: names, comma separated",
    )


class Target(NamedTuple):
    """Where the stream goes."""

    server: Address
    stream: str
    token: str


def settings() -> RendercastSettings:
    """The panel's fields as they are now."""
    return bpy.context.window_manager.rendercast


def target() -> Target:
    """Reads where the stream is to go. Raises AddressError."""
    asked = settings()
    return Target(parse_address(asked.server), check_stream(asked.stream), check_token(asked.token))


def remember() -> dict[str, object]:
    """The fields that were changed: a window manager loses them when a file is opened."""
    asked = settings()
    names = ("stream", "source", "width", "height", "fps", "rest", "names")
    return {name: getattr(asked, name) for name in names if asked.is_property_set(name)}


def restore(remembered: dict[str, object]) -> None:
    """Puts the fields back."""
    for name, value in remembered.items():
        setattr(settings(), name, value)


def attach() -> None:
    """Gives each window manager the fields."""
    bpy.types.WindowManager.rendercast = PointerProperty(type=RendercastSettings)


def detach() -> None:
    """Takes the fields away."""
    del bpy.types.WindowManager.rendercast
