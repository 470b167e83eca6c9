# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in scene: Blender's factory scene with coloured objects on a turntable."""

from __future__ import annotations

from math import cos, radians, sin
from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from collections.abc import Callable

BACKGROUND = (0.035, 0.045, 0.07)
FLOOR = (0.16, 0.19, 0.27)
ORANGE = (1.0, 0.36, 0.04)
TEAL = (0.03, 0.72, 0.66)
YELLOW = (1.0, 0.78, 0.08)
PINK = (1.0, 0.20, 0.42)
BLUE = (0.14, 0.42, 1.0)


def is_factory_scene(scene: bpy.types.Scene) -> bool:
    """Whether no file is open and the start-up scene is Blender's own."""
    return not bpy.data.filepath and {"Cube", "Camera"} <= set(scene.objects.keys())


def dress(scene: bpy.types.Scene) -> None:
    """Adds coloured objects as children of the factory cube, and points the camera at them."""
    cube = scene.objects["Cube"]
    cube.scale = (0.72, 0.72, 0.72)
    cube.location = (0, 0, 0.95)
    bevel = cube.modifiers.new("Bevel", "BEVEL")
    bevel.width = 0.12
    bevel.segments = 4
    _colour(cube, ORANGE)

    add = bpy.ops.mesh
    _made(add.primitive_cylinder_add, FLOOR, vertices=96, radius=3.1, depth=0.2, location=(0, 0, -0.1))
    around = (
        _made(add.primitive_uv_sphere_add, TEAL, segments=48, ring_count=24, radius=0.55, location=_at(20, 0.55)),
        _made(add.primitive_cone_add, YELLOW, vertices=64, radius1=0.55, depth=1.2, location=_at(110, 0.6)),
        _made(add.primitive_torus_add, PINK, major_radius=0.5, minor_radius=0.2, location=_at(200, 0.2)),
        _made(add.primitive_cylinder_add, BLUE, vertices=64, radius=0.42, depth=0.95, location=_at(290, 0.475)),
    )
    bpy.context.view_layer.update()
    for thing in around:
        thing.parent = cube
        thing.matrix_parent_inverse = cube.matrix_world.inverted()
    bpy.context.view_layer.objects.active = cube

    camera = scene.objects["Camera"]
    camera.location = (6.75, -7.57, 5.1)
    camera.rotation_euler = (radians(63.8), 0, radians(41.7))
    camera.data.lens = 50

    shading = scene.display.shading
    shading.light = "STUDIO"
    shading.studio_light = "paint.sl"
    shading.color_type = "OBJECT"
    shading.show_specular_highlight = True
    shading.show_shadows = True
    shading.shadow_intensity = 0.45
    if scene.world:
        scene.world.color = BACKGROUND
    # Filmic and AgX take longer than all of Workbench.
    scene.view_settings.view_transform = "Standard"


def _at(degrees: float, height: float) -> tuple[float, float, float]:
    return (2.05 * cos(radians(degrees)), 2.05 * sin(radians(degrees)), height)


def _made(add: Callable[..., object], colour: tuple[float, float, float], **shape: object) -> bpy.types.Object:
    add(**shape)
    made = bpy.context.object
    _colour(made, colour)
    return made


def _colour(thing: bpy.types.Object, colour: tuple[float, float, float]) -> None:
    thing.color = (*colour, 1)
    thing.data.materials.clear()
    thing.data.materials.append(_material(thing.name, colour))
    # Smooth between flat angles, sharp at rims.
    for polygon in thing.data.polygons:
        polygon.use_smooth = True
    thing.modifiers.new("Rims", "EDGE_SPLIT").split_angle = radians(40)


def _material(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    """Makes the colour for EEVEE and Cycles; Workbench takes the object's."""
    made = bpy.data.materials.new(name)
    # Blender 5 makes the nodes at once, and Blender 6 drops the switch.
    if made.node_tree is None:
        made.use_nodes = True
    surface = next(node for node in made.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Base Color"].default_value = (*colour, 1)
    return made


if __name__ == "__main__":
    dress(bpy.context.scene)
