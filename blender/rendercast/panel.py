# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel, in the 3D viewport's sidebar and in the render properties."""

from __future__ import annotations

import blf
import bpy

from . import session
from .address import AddressError
from .capture import draws_in_viewport
from .lines import words, wrap
from .operators import RENDERCAST_OT_copy_address, RENDERCAST_OT_start, RENDERCAST_OT_stop
from .properties import settings, target

STATES = {
    "connecting": ("Connecting", "TIME"),
    "live": ("Live", "REC"),
    "paused": ("Paused: no viewers", "PAUSE"),
    "rendering": ("Paused while Blender renders", "PAUSE"),
    "blocked": ("Cannot draw", "ERROR"),
    "away": ("Not connected", "ERROR"),
    "waiting": ("Refused, retrying", "ERROR"),
    "refused": ("Refused", "CANCEL"),
    "ended": ("Ended", "SNAP_FACE"),
}
MARGINS = {"UI": 96, "WINDOW": 76}
"""Width in pixels, at UI scale 1, of a region's margins, an icon and, in the sidebar, the tabs."""


class _Panel:
    bl_label = "rendercast"

    def draw(self, context: bpy.types.Context) -> None:
        """Implements bpy.types.Panel."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        shown = session.shown()
        _draw_fields(layout, context, shown.running)
        row = layout.row()
        row.scale_y = 1.4
        if shown.running:
            row.operator(RENDERCAST_OT_stop.bl_idname, icon="SNAP_FACE")
        else:
            row.operator(RENDERCAST_OT_start.bl_idname, icon="PLAY")
        _draw_state(layout, context, shown)
        _draw_viewer(layout, context)


class RENDERCAST_PT_sidebar(_Panel, bpy.types.Panel):
    """The panel in the 3D viewport's sidebar."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "rendercast"


class RENDERCAST_PT_render(_Panel, bpy.types.Panel):
    """The panel in the render properties."""

    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"
    bl_options = {"DEFAULT_CLOSED"}


def _draw_fields(layout: bpy.types.UILayout, context: bpy.types.Context, running: bool) -> None:
    fields = settings()
    fixed = layout.column(align=True)
    fixed.enabled = not running
    for name in ("server", "stream", "token"):
        fixed.prop(fields, name)
    layout.prop(fields, "source")
    if fields.source == "CAMERA" and not draws_in_viewport(context.scene):
        sentence = "This engine is too slow to stream. Viewers see EEVEE's material preview."
        _draw_sentence(layout.column(align=True), context, sentence, "INFO")
    size = layout.column(align=True)
    size.prop(fields, "width", text="Size X")
    size.prop(fields, "height", text="Y")
    size.prop(fields, "fps")
    layout.prop(fields, "names")
    whole = layout.row()
    # A split row leaves too little room for the label.
    whole.use_property_split = False
    whole.prop(fields, "rest")
    whole = layout.row()
    whole.use_property_split = False
    whole.prop(fields, "control")


def _draw_state(layout: bpy.types.UILayout, context: bpy.types.Context, shown: session.Shown) -> None:
    if not shown.running and not shown.problem:
        return
    box = layout.box().column(align=True)
    if shown.running:
        text, icon = STATES[shown.state]
        _draw_sentence(box, context, text, icon)
        if shown.figures:
            box.label(text=f"{shown.figures.fps:.1f} fps, {shown.figures.milliseconds:.0f} ms per frame", icon="BLANK1")
        if shown.viewers is not None:
            box.label(text=f"{shown.viewers} {'viewer' if shown.viewers == 1 else 'viewers'}", icon="BLANK1")
    if shown.problem:
        _draw_sentence(box, context, shown.problem, "INFO" if shown.running else "ERROR")


def _draw_viewer(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    try:
        where = target()
    except AddressError as error:
        _draw_sentence(layout.column(align=True), context, str(error), "ERROR")
        return
    if not session.running() and not session.shown().problem and (problem := session.offline(where)):
        _draw_sentence(layout.column(align=True), context, problem, "INFO")
    if where.server.path is not None:
        return
    url = where.server.viewer_url(where.stream)
    viewer = layout.column(align=True)
    _draw_lines(viewer, context, [where.server.url, url.removeprefix(where.server.url)], "URL")
    viewer.operator(RENDERCAST_OT_copy_address.bl_idname, icon="COPYDOWN")
    viewer.operator("wm.url_open", text="Open in browser", icon="WINDOW").url = url


def _draw_sentence(column: bpy.types.UILayout, context: bpy.types.Context, sentence: str, icon: str) -> None:
    _draw_lines(column, context, words(sentence), icon)


def _draw_lines(column: bpy.types.UILayout, context: bpy.types.Context, pieces: list[str], icon: str) -> None:
    """Draws a text on as many lines as it needs; Blender would cut it off."""
    scale = context.preferences.system.ui_scale
    room = context.region.width - MARGINS[context.region.type] * scale
    blf.size(0, context.preferences.ui_styles[0].widget.points * scale)
    for index, line in enumerate(wrap(pieces, lambda text: blf.dimensions(0, text)[0] <= room)):
        column.label(text=line, icon="BLANK1" if index else icon)
