# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the scene off screen, as the camera or a 3D viewport sees it, and reads the pixels."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import bpy
import gpu
from mathutils import Matrix

from .frames import Frame, raw_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

EEVEE = ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE")
"""Blender 4.2 to 4.5 call it EEVEE_NEXT, the versions before and after do not."""
WORKBENCH = "BLENDER_WORKBENCH"


class CaptureError(Exception):
    """Why there is nothing to show: a sentence for the user."""


class Eye(NamedTuple):
    """From where to look."""

    view: Matrix
    projection: Matrix


class Place(NamedTuple):
    """A 3D viewport to draw with: how it is shaded is how the picture will be."""

    space: bpy.types.SpaceView3D
    region: bpy.types.Region


class OffScreen:
    """A surface to draw on, and buffers for its pixels: kept from frame to frame until the size changes."""

    def __init__(self) -> None:
        self._surface: gpu.types.GPUOffScreen | None = None
        self._size = (0, 0)
        self._free: deque[gpu.types.Buffer] = deque()

    def draw(
        self,
        scene: bpy.types.Scene,
        layer: bpy.types.ViewLayer,
        place: Place,
        eye: Eye,
        size: tuple[int, int],
        telemetry: bytes | None = None,
    ) -> Frame:
        """Draws one frame. Raises CaptureError."""
        surface = self._fit(size)
        # Mirrored, the first row read is the top one: so no row has to be moved.
        mirrored = Matrix.Diagonal((1, -1, 1, 1)) @ eye.projection
        surface.draw_view3d(scene, layer, place.space, place.region, eye.view, mirrored, do_color_management=True)
        width, height = size
        pixels = self._free.popleft() if self._free else gpu.types.Buffer("UBYTE", width * height * 4)
        with surface.bind():
            framebuffer = gpu.state.active_framebuffer_get()
            framebuffer.read_color(0, 0, width, height, 4, 0, "UBYTE", data=pixels)
        free = self._free
        return raw_frame(
            memoryview(pixels),
            width,
            height,
            captured=time.time(),
            telemetry=telemetry,
            # Never into the buffers of another size: those have a deque of their own.
            done=lambda: free.append(pixels),
        )

    def free(self) -> None:
        """Gives the graphics memory back."""
        if self._surface:
            self._surface.free()
        self._surface = None
        self._size = (0, 0)
        self._free = deque()

    def _fit(self, size: tuple[int, int]) -> gpu.types.GPUOffScreen:
        if not self._surface or self._size != size:
            self.free()
            try:
                self._surface = gpu.types.GPUOffScreen(*size)
            except (RuntimeError, SystemError, ValueError) as error:
                raise CaptureError(f"Blender cannot draw pictures of {size[0]}x{size[1]} off screen here.") from error
            self._size = size
        return self._surface


def camera_eye(scene: bpy.types.Scene, layer: bpy.types.ViewLayer, size: tuple[int, int]) -> Eye:
    """Looks through the scene's camera. Raises CaptureError."""
    camera = scene.camera
    if not camera or camera.type != "CAMERA":
        raise CaptureError(f"The scene {scene.name} has no camera; add one, or choose the viewport as the source.")
    depsgraph = layer.depsgraph or bpy.context.evaluated_depsgraph_get()
    render = scene.render
    # From the layer's own camera where it is hidden or excluded, which rendering does not mind.
    evaluated = camera.evaluated_get(depsgraph)
    projection = evaluated.calc_matrix_camera(
        depsgraph, x=size[0], y=size[1], scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y
    )
    return Eye(evaluated.matrix_world.normalized().inverted(), projection)


def viewport_eye(place: Place, size: tuple[int, int]) -> Eye:
    """Looks as the viewport does: all it shows is in the picture, whose shape may be another."""
    region = place.region
    view3d = region.data or place.space.region_3d
    wider = (size[0] / size[1]) / (max(1, region.width) / max(1, region.height))
    fit = Matrix.Diagonal((1 / wider, 1, 1, 1) if wider > 1 else (1, wider, 1, 1))
    return Eye(view3d.view_matrix.copy(), fit @ view3d.window_matrix)


def places(screens: Iterable[bpy.types.Screen]) -> list[tuple[Place, int]]:
    """The 3D viewports of these screens, each with its size in pixels."""
    found = []
    for screen in screens:
        for area in screen.areas:
            if area.type != "VIEW_3D":
                continue
            region = next((region for region in area.regions if region.type == "WINDOW"), None)
            if region:
                found.append((Place(area.spaces.active, region), area.width * area.height))
    return found


def shown_screens() -> set[bpy.types.Screen]:
    """The screens in Blender's windows."""
    return {window.screen for window in bpy.context.window_manager.windows}


class Wardrobe:
    """Lends a 3D viewport that nobody sees, dressed to draw as the scene renders; puts all back afterwards."""

    def __init__(self) -> None:
        self._worn: dict[tuple[str, int], dict[tuple[str, str], object]] = {}

    def lend(self, scene: bpy.types.Scene, hidden_only: bool = True) -> Place:
        """A viewport to draw with for now: which ones there are may change from frame to frame. Raises CaptureError."""
        # Blender in background mode has windows as well, which are in nobody's way.
        shown = shown_screens() if hidden_only else set()
        for key in [key for key in self._worn if (found := bpy.data.screens.get(key[0])) is None or found in shown]:
            self._undress(key)
        for screen in bpy.data.screens:
            if screen in shown or screen.is_temporary:
                continue
            for index, area in enumerate(screen.areas):
                if area.type != "VIEW_3D" or area.spaces.active.local_view:
                    continue
                region = next((region for region in area.regions if region.type == "WINDOW"), None)
                if region:
                    self._dress((screen.name, index), area.spaces.active, scene)
                    return Place(area.spaces.active, region)
        raise CaptureError(
            "Blender draws by way of a 3D viewport, and this file has none to spare; add a workspace with one."
            if hidden_only
            else "Blender draws by way of a 3D viewport, and this file has none; add one to it in Blender and save it."
        )

    def put_back(self) -> None:
        """Puts all viewports back as they were."""
        for key in list(self._worn):
            self._undress(key)

    def _dress(self, key: tuple[str, int], space: bpy.types.SpaceView3D, scene: bpy.types.Scene) -> None:
        before = self._worn.setdefault(key, {})
        for (part, name), value in _clothes(scene).items():
            owner = getattr(space, part) if part else space
            # Only where it differs: setting it makes Blender redraw.
            if hasattr(owner, name) and getattr(owner, name) != value:
                before.setdefault((part, name), getattr(owner, name))
                setattr(owner, name, value)

    def _undress(self, key: tuple[str, int]) -> None:
        before = self._worn.pop(key)
        screen = bpy.data.screens.get(key[0])
        if not screen or key[1] >= len(screen.areas):
            return
        space = screen.areas[key[1]].spaces.active
        if not isinstance(space, bpy.types.SpaceView3D):
            return
        for (part, name), value in before.items():
            setattr(getattr(space, part) if part else space, name, value)


def _clothes(scene: bpy.types.Scene) -> dict[tuple[str, str], object]:
    """What makes a viewport draw as the scene renders."""
    clothes: dict[tuple[str, str], object] = {
        ("overlay", "show_overlays"): False,
        ("", "show_gizmo"): False,
        ("shading", "type"): "RENDERED",
    }
    if not draws_itself(scene):
        clothes |= {
            ("shading", "type"): "MATERIAL",
            ("shading", "use_scene_lights"): True,
            ("shading", "use_scene_world"): True,
        }
    return clothes


def draws_itself(scene: bpy.types.Scene) -> bool:
    """Whether the scene's engine draws a whole picture at once; Cycles takes its time, so EEVEE stands in for it."""
    return scene.render.engine in (WORKBENCH, *EEVEE)


def wake_gpu(scene: bpy.types.Scene) -> None:
    """Makes Blender begin to use the graphics card, in background mode, where it waits until it has to."""
    if hasattr(gpu, "init"):
        gpu.init()
        return
    if not bpy.app.background:
        return
    render = scene.render
    names = ("engine", "resolution_x", "resolution_y", "resolution_percentage", "use_border", "use_compositing")
    names += ("use_sequencer", "use_multiview", "film_transparent")
    before = {name: getattr(render, name) for name in names}
    camera = scene.camera
    try:
        render.use_border = render.use_compositing = render.use_sequencer = render.use_multiview = False
        render.engine = WORKBENCH
        render.resolution_x = render.resolution_y = 4
        render.resolution_percentage = 100
        bpy.ops.render.render(scene=scene.name)
    except RuntimeError as error:
        raise CaptureError(f"Blender cannot draw here: {' '.join(str(error).split())}") from error
    finally:
        for name, value in before.items():
            setattr(render, name, value)
        if scene.camera != camera:
            scene.camera = camera
        scene.update_tag()
