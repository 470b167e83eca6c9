# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene that shows whether an engine draws as it renders: coloured lights, a transparent ball, a camera of its own.

Nothing in it is symmetrical, so that a mirrored, turned or wrongly framed picture differs. `background.py --script`
runs it: it saves the render to the file that the variable PICTURE names. Others call `build` and `save`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from math import radians

import bpy

SAMPLES = 4
ENGINES = {
    "workbench": ("BLENDER_WORKBENCH",),
    "eevee": ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT"),
    "cycles": ("CYCLES",),
}
"""The names differ between Blender's versions; the last that it knows is used."""


def build(engine: str) -> bpy.types.Scene:
    """Fills the factory scene. `engine`: `workbench`, `eevee` or `cycles`."""
    scene = bpy.context.scene
    for thing in list(scene.objects):
        if thing.type != "CAMERA":
            bpy.data.objects.remove(thing)
    add = bpy.ops.mesh
    for create, name, colour, alpha, shape in (
        (add.primitive_plane_add, "Floor", (0.5, 0.5, 0.45), 1, {"size": 14}),
        (add.primitive_cube_add, "Cube", (0.9, 0.1, 0.05), 1, {"size": 1.6, "location": (0.9, 0.8, 0.8)}),
        (add.primitive_cone_add, "Cone", (0.1, 0.7, 0.2), 1, {"radius1": 0.7, "location": (-1.6, 1.6, 1)}),
        (add.primitive_uv_sphere_add, "Ball", (0.1, 0.3, 1), 0.45, {"radius": 0.8, "location": (0, -0.6, 0.8)}),
    ):
        create(**shape)
        thing = bpy.context.object
        thing.name = name
        thing.color = (*colour, alpha)
        thing.data.materials.append(material(name, colour, alpha))
    light(scene, "SUN", (1, 0.95, 0.8), 1.5, (radians(50), radians(10), radians(-60)), (0, 0, 5))
    light(scene, "POINT", (1, 0.2, 0.1), 250, (0, 0, 0), (-3, -1, 2.5))
    light(scene, "SPOT", (0.2, 0.5, 1), 500, (radians(35), 0, radians(70)), (3.5, -1.5, 4))
    camera = bpy.data.objects.new("Eye", bpy.data.cameras.new("Eye"))
    scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (3.2, -4.6, 3.4), (radians(62), 0, radians(32))
    camera.data.lens, camera.data.shift_x, camera.data.shift_y = 27, 0.06, -0.04
    scene.camera = camera
    settle(scene, engine)
    return scene


def settle(scene: bpy.types.Scene, engine: str) -> None:
    """Chooses the engine, with the same quality for the viewport and the saved picture."""
    render = scene.render
    for known in ENGINES[engine]:
        with suppress(TypeError):
            render.engine = known
    # Saved pictures are dithered otherwise.
    render.dither_intensity = 0
    render.resolution_percentage = 100
    scene.eevee.taa_samples = scene.eevee.taa_render_samples = SAMPLES
    scene.display.viewport_aa = scene.display.render_aa = "8"
    scene.display.shading.light, scene.display.shading.color_type = "STUDIO", "OBJECT"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.seed = 8, False, 1
    scene.view_settings.view_transform = "Standard"


def material(name: str, colour: tuple[float, float, float], alpha: float) -> bpy.types.Material:
    """A material that blends, rather than dithers, what is behind it."""
    made = bpy.data.materials.new(name)
    if made.node_tree is None:
        made.use_nodes = True
    surface = next(node for node in made.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Base Color"].default_value = (*colour, 1)
    surface.inputs["Alpha"].default_value = alpha
    if alpha < 1:
        if hasattr(made, "surface_render_method"):
            made.surface_render_method = "BLENDED"
        else:
            made.blend_method = "BLEND"
    return made


def light(
    scene: bpy.types.Scene,
    kind: str,
    colour: tuple[float, float, float],
    energy: float,
    turned: tuple[float, float, float],
    at: tuple[float, float, float],
) -> None:
    """Adds a lamp."""
    lamp = bpy.data.lights.new(kind, kind)
    lamp.color, lamp.energy = colour, energy
    thing = bpy.data.objects.new(kind, lamp)
    thing.location, thing.rotation_euler = at, turned
    scene.collection.objects.link(thing)


def save(scene: bpy.types.Scene, path: str, width: int, height: int) -> None:
    """Renders as F12 does, to a PNG file."""
    render = scene.render
    before = render.filepath, render.resolution_x, render.resolution_y
    render.filepath, render.resolution_x, render.resolution_y = path, width, height
    render.image_settings.file_format = "PNG"
    bpy.ops.render.render(write_still=True)
    render.filepath, render.resolution_x, render.resolution_y = before


if __name__ == "__main__":
    save(build(os.environ["ENGINE"]), os.environ["PICTURE"], 160, 90)
