# SPDX-License-Identifier: GPL-3.0-or-later
"""rendercast: shows the scene live in any browser.

Scripts publish data with `import rendercast; rendercast.publish_data({"angle": 31.5})`.
"""

from __future__ import annotations

from .telemetry import TelemetryError, publish_data

__all__ = ["TelemetryError", "publish_data", "register", "unregister"]

bl_info = {
    "name": "rendercast",
    "description": "Shows the scene live in any browser",
    "author": "The rendercast authors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D Viewport > Sidebar > rendercast; Properties > Render > rendercast",
    "doc_url": "",
    "category": "Render",
}


def register() -> None:
    """Called by Blender when the add-on is enabled."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the add-on is disabled or Blender quits."""
    from . import registration

    registration.unregister()
