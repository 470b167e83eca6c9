# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds Blender meshes: rounded boxes, lathed parts, links between two joints, and a studio backdrop."""

from __future__ import annotations

from math import atan2, cos, pi, radians, sin
from typing import TYPE_CHECKING

import bmesh
import bpy
from mathutils import Matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AXES = {
    "x": Matrix.Rotation(pi / 2, 4, "Y"),
    "y": Matrix.Rotation(-pi / 2, 4, "X"),
    "z": Matrix.Identity(4),
}
"""The rotation from the z axis to each axis."""


class Workshop:
    """Creates objects in one collection, with a few shared materials."""

    def __init__(self, collection: bpy.types.Collection) -> None:
        self._collection = collection
        self._materials: dict[str, bpy.types.Material] = {}

    def material(self, name: str, colour: tuple[float, float, float], roughness: float, metallic: float = 0.0) -> None:
        """Creates a material that looks the same in Workbench, EEVEE and Cycles."""
        made = bpy.data.materials.new(name)
        made.diffuse_color = (*colour, 1)
        made.roughness = roughness
        made.metallic = metallic
        # Blender 5 makes the nodes at once, and Blender 6 drops the switch.
        if made.node_tree is None:
            made.use_nodes = True
        surface = next(node for node in made.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
        surface.inputs["Base Color"].default_value = (*colour, 1)
        surface.inputs["Roughness"].default_value = roughness
        surface.inputs["Metallic"].default_value = metallic
        self._materials[name] = made

    def joint(self, name: str, parent: bpy.types.Object | None, at: tuple[float, float, float]) -> bpy.types.Object:
        """Creates an empty, the parent of other parts."""
        return self._add(name, None, parent, at)

    def box(
        self,
        name: str,
        material: str,
        size: tuple[float, float, float],
        at: tuple[float, float, float] = (0, 0, 0),
        parent: bpy.types.Object | None = None,
        rounded: float = 0.01,
    ) -> bpy.types.Object:
        """Creates a box with rounded edges. Lengths in metres."""

        def build(mesh: bmesh.types.BMesh) -> None:
            bmesh.ops.create_cube(mesh, size=1, matrix=Matrix.Diagonal((*size, 1)))
            _round(mesh, mesh.edges[:], rounded)

        return self._part(name, material, build, parent, at)

    def turned(
        self,
        name: str,
        material: str,
        profile: Sequence[tuple[float, float]],
        at: tuple[float, float, float] = (0, 0, 0),
        parent: bpy.types.Object | None = None,
        axis: str = "z",
        rounded: float = 0.008,
        segments: int = 40,
    ) -> bpy.types.Object:
        """Creates a lathed part from (radius, height) pairs along the axis."""

        def build(mesh: bmesh.types.BMesh) -> None:
            rings = [_ring(mesh, radius, height, segments) for radius, height in profile]
            mesh.faces.new(rings[0][::-1])
            mesh.faces.new(rings[-1])
            for below, above in zip(rings, rings[1:]):
                for i in range(segments):
                    j = (i + 1) % segments
                    mesh.faces.new((below[i], below[j], above[j], above[i]))
            bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces)
            rims = [edge for edge in mesh.edges if len(edge.link_faces) == 2 and edge.calc_face_angle() > radians(28)]
            _round(mesh, rims, rounded)
            mesh.transform(AXES[axis])

        return self._part(name, material, build, parent, at)

    def link(
        self,
        name: str,
        material: str,
        ends: tuple[tuple[float, float, float], tuple[float, float, float]],
        width: float,
        at: tuple[float, float, float] = (0, 0, 0),
        parent: bpy.types.Object | None = None,
        rounded: float = 0.014,
    ) -> bpy.types.Object:
        """Creates a plate around two joints, each given as (x, z, radius). `width` is along y."""

        def build(mesh: bmesh.types.BMesh) -> None:
            outline = _around(*ends)
            front = [mesh.verts.new((x, -width / 2, z)) for x, z in outline]
            back = [mesh.verts.new((x, width / 2, z)) for x, z in outline]
            mesh.faces.new(front)
            mesh.faces.new(back[::-1])
            for i in range(len(outline)):
                j = (i + 1) % len(outline)
                mesh.faces.new((front[j], front[i], back[i], back[j]))
            bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces)
            sides = {front[0].co.y, back[0].co.y}
            rims = [e for e in mesh.edges if e.verts[0].co.y == e.verts[1].co.y and e.verts[0].co.y in sides]
            _round(mesh, rims, rounded)

        return self._part(name, material, build, parent, at)

    def studio(self, material: str, width: float, front: float, back: float, height: float, bend: float) -> None:
        """Creates a floor that bends up into a backdrop."""
        steps = 20
        turns = [pi / 2 * i / steps for i in range(steps + 1)]
        curve = [(back - bend + bend * sin(turn), bend - bend * cos(turn)) for turn in turns]
        line = [(front, 0.0), *curve, (back, height)]

        def build(mesh: bmesh.types.BMesh) -> None:
            rows = [[mesh.verts.new((side * width / 2, y, z)) for side in (-1, 1)] for y, z in line]
            for (a, b), (d, c) in zip(rows, rows[1:]):
                mesh.faces.new((a, b, c, d))

        made = self._part("Studio", material, build, None, (0, 0, 0))
        # Its own shadow would cover the whole picture, and cost time.
        made.display.show_shadows = False

    def _part(
        self,
        name: str,
        material: str,
        build: Callable[[bmesh.types.BMesh], None],
        parent: bpy.types.Object | None,
        at: tuple[float, float, float],
    ) -> bpy.types.Object:
        data = bpy.data.meshes.new(name)
        mesh = bmesh.new()
        build(mesh)
        for face in mesh.faces:
            face.smooth = True
        mesh.to_mesh(data)
        mesh.free()
        data.materials.append(self._materials[material])
        made = self._add(name, data, parent, at)
        # Keeps flat faces flat next to rounded edges.
        if hasattr(data, "use_auto_smooth"):
            data.use_auto_smooth = True
            data.auto_smooth_angle = radians(50)
        flat = made.modifiers.new("Flat faces", "WEIGHTED_NORMAL")
        flat.weight = 100
        flat.keep_sharp = True
        return made

    def _add(
        self,
        name: str,
        data: bpy.types.Mesh | None,
        parent: bpy.types.Object | None,
        at: tuple[float, float, float],
    ) -> bpy.types.Object:
        made = bpy.data.objects.new(name, data)
        made.location = at
        made.parent = parent
        self._collection.objects.link(made)
        return made


def _ring(mesh: bmesh.types.BMesh, radius: float, height: float, segments: int) -> list[bmesh.types.BMVert]:
    turns = (2 * pi * i / segments for i in range(segments))
    return [mesh.verts.new((radius * cos(turn), radius * sin(turn), height)) for turn in turns]


def _round(mesh: bmesh.types.BMesh, edges: list[bmesh.types.BMEdge], width: float) -> None:
    if width and edges:
        bmesh.ops.bevel(mesh, geom=edges, offset=width, segments=2, profile=0.5, affect="EDGES", clamp_overlap=True)


def _around(first: tuple[float, float, float], second: tuple[float, float, float]) -> list[tuple[float, float]]:
    """Returns the outline of a belt around two wheels."""
    (x1, z1, r1), (x2, z2, r2) = first, second
    dx, dz = x2 - x1, z2 - z1
    way = (dx * dx + dz * dz) ** 0.5
    heading = atan2(dz, dx)
    # The angle at which the belt leaves the wheels.
    lean = pi / 2 + atan2(r2 - r1, (way * way - (r2 - r1) ** 2) ** 0.5)
    steps = 14
    outline = []
    for x, z, r, begin, sweep in (
        (x1, z1, r1, heading + lean, 2 * (pi - lean)),
        (x2, z2, r2, heading - lean, 2 * lean),
    ):
        turns = (begin + sweep * i / steps for i in range(steps + 1))
        outline += [(x + r * cos(turn), z + r * sin(turn)) for turn in turns]
    return outline
