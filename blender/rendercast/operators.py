# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's buttons."""

from __future__ import annotations

import bpy

from . import session
from .address import AddressError
from .properties import target


class RENDERCAST_OT_start(bpy.types.Operator):
    """Stream the scene to the rendercast server"""

    bl_idname = "rendercast.start"
    bl_label = "Start"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Implements bpy.types.Operator."""
        return not session.running()

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Implements bpy.types.Operator."""
        try:
            session.start()
        except (AddressError, session.SessionError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class RENDERCAST_OT_stop(bpy.types.Operator):
    """End the stream"""

    bl_idname = "rendercast.stop"
    bl_label = "Stop"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Implements bpy.types.Operator."""
        return session.running()

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Implements bpy.types.Operator."""
        session.stop()
        return {"FINISHED"}


class RENDERCAST_OT_copy_address(bpy.types.Operator):
    """Copy the address of the page that shows the stream"""

    bl_idname = "rendercast.copy_address"
    bl_label = "Copy address"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Implements bpy.types.Operator."""
        try:
            where = target()
        except AddressError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.window_manager.clipboard = where.server.viewer_url(where.stream)
        self.report({"INFO"}, "Copied the viewer address")
        return {"FINISHED"}
