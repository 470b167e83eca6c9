# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the scene off screen, through the camera or as a 3D viewport, and reads the pixels."""

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
"""Blender 4.2 to 4.5 use EEVEE_NEXT, earlier and later versions EEVEE."""
WORKBENCH = "BLENDER_WORKBENCH"


class CaptureError(Exception):
    """No frame can be drawn. The message is a sentence for the user."""


class Eye(NamedTuple):
    """The matrices of a point of view."""

    view: Matrix
    projection: Matrix


class Place(NamedTuple):
    """A 3D viewport to draw with. Its shading settings apply to the frame."""

    space: bpy.types.SpaceView3D
    region: bpy.types.Region


class OffScreen:
    """An off-screen surface and its pixel buffers, reused until the size changes."""

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
        """Draws one frame of `size` in pixels. Raises CaptureError."""
        surface = self._fit(size)
        surface.draw_view3d(scene, layer, place.space, place.region, eye.view, eye.projection, do_color_management=True)
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
            # As OpenGL reads them. With a mirrored projection, EEVEE of Blender 4.2 and later lights the wrong sides.
            rows="bottom-up",
            captured=time.time(),
            telemetry=telemetry,
            # Each size has its own deque: a buffer never returns to another size.
            done=lambda: free.append(pixels),
        )

    def free(self) -> None:
        """Frees the graphics memory."""
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
                problem = f"Blender cannot draw {size[0]}x{size[1]} off screen; choose a smaller size."
                raise CaptureError(problem) from error
            self._size = size
        return self._surface


def camera_eye(scene: bpy.types.Scene, layer: bpy.types.ViewLayer, size: tuple[int, int]) -> Eye:
    """Returns the view of the scene's camera. Raises CaptureError if there is none."""
    if not _is_camera(scene.camera):
        raise CaptureError(f"The scene {scene.name} has no camera; add one, or choose the viewport as the source.")
    return _eye_of(scene.camera, scene, layer, size)


def _is_camera(thing: bpy.types.Object | None) -> bool:
    return thing is not None and thing.type == "CAMERA"


def _eye_of(
    camera: bpy.types.Object, scene: bpy.types.Scene, layer: bpy.types.ViewLayer, size: tuple[int, int]
) -> Eye:
    depsgraph = layer.depsgraph or bpy.context.evaluated_depsgraph_get()
    render = scene.render
    # Works for a camera that is hidden or excluded too, as rendering does.
    evaluated = camera.evaluated_get(depsgraph)
    projection = evaluated.calc_matrix_camera(
        depsgraph, x=size[0], y=size[1], scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y
    )
    return Eye(evaluated.matrix_world.normalized().inverted(), projection)


def viewport_eye(place: Place, scene: bpy.types.Scene, layer: bpy.types.ViewLayer, size: tuple[int, int]) -> Eye:
    """Returns the viewport's view; if it looks through a camera, that camera's whole view."""
    region, space = place.region, place.space
    view3d = region.data or space.region_3d
    camera = space.camera if space.use_local_camera else scene.camera
    if view3d.view_perspective == "CAMERA" and _is_camera(camera):
        return _eye_of(camera, scene, layer, size)
    # The lens spans the longer side. EEVEE of Blender 4.2 to 4.5 draws so whatever projection it is given.
    seen = max(1, region.width) / max(1, region.height)
    wanted = size[0] / size[1]
    across, up = max(1, 1 / wanted) / max(1, 1 / seen), max(1, wanted) / max(1, seen)
    return Eye(view3d.view_matrix.copy(), Matrix.Diagonal((across, up, 1, 1)) @ view3d.window_matrix)


def places(screens: Iterable[bpy.types.Screen]) -> list[tuple[Place, int]]:
    """Returns the 3D viewports of these screens, each with its area in pixels."""
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
    """Returns the screens that Blender's windows show."""
    return {window.screen for window in bpy.context.window_manager.windows}


class ViewportLoan:
    """Borrows a hidden 3D viewport, sets it up to draw as the scene renders, and restores it afterwards."""

    def __init__(self) -> None:
        self._changed: dict[tuple[str, int], dict[tuple[str, str], object]] = {}
        """By screen and area, the former values by part and name, in the order in which they were changed."""

    def borrow(self, scene: bpy.types.Scene, hidden_only: bool = True) -> Place:
        """Returns a viewport to draw one frame with; the next frame may need another. Raises CaptureError.

        `hidden_only`: use no viewport that a window shows.
        """
        # In background mode Blender has windows too, but nobody sees them.
        shown = shown_screens() if hidden_only else set()
        for key in [key for key in self._changed if (found := bpy.data.screens.get(key[0])) is None or found in shown]:
            self._restore(key)
        for screen in bpy.data.screens:
            if screen in shown or screen.is_temporary:
                continue
            for index, area in enumerate(screen.areas):
                if area.type != "VIEW_3D" or area.spaces.active.local_view:
                    continue
                # The last one: of a view in four parts, it is the one that `region_3d` stands for.
                region = next((region for region in reversed(area.regions) if region.type == "WINDOW"), None)
                if region:
                    self._set_up((screen.name, index), area.spaces.active, scene)
                    return Place(area.spaces.active, region)
        raise CaptureError(
            "Blender needs a hidden 3D viewport to draw, and this file has none; add a workspace with one."
            if hidden_only
            else "Blender needs a 3D viewport to draw, and this file has none; add one in Blender and save the file."
        )

    def restore(self) -> None:
        """Restores the settings of all borrowed viewports."""
        for key in list(self._changed):
            self._restore(key)

    def _set_up(self, key: tuple[str, int], space: bpy.types.SpaceView3D, scene: bpy.types.Scene) -> None:
        before = self._changed.setdefault(key, {})
        for (part, name), value in _viewport_settings(scene).items():
            owner = getattr(space, part) if part else space
            # Only if it differs: setting it makes Blender redraw.
            if hasattr(owner, name) and (former := getattr(owner, name)) != value:
                # By name: undo or a deletion would leave a reference to nothing.
                before.setdefault((part, name), former.name if isinstance(former, bpy.types.Object) else former)
                setattr(owner, name, value)

    def _restore(self, key: tuple[str, int]) -> None:
        before = self._changed.pop(key)
        screen = bpy.data.screens.get(key[0])
        if not screen or key[1] >= len(screen.areas):
            return
        space = screen.areas[key[1]].spaces.active
        if not isinstance(space, bpy.types.SpaceView3D):
            return
        # In reverse, for the viewport's camera: without a camera of its own, it would change the scene's.
        for (part, name), value in reversed(before.items()):
            if name == "camera":
                value = bpy.data.objects.get(value) if isinstance(value, str) else None
            setattr(getattr(space, part) if part else space, name, value)


def _viewport_settings(scene: bpy.types.Scene) -> dict[tuple[str, str], object]:
    """Returns the settings, by part and name, with which a viewport draws as the scene renders."""
    changes: dict[tuple[str, str], object] = {
        ("overlay", "show_overlays"): False,
        ("", "show_gizmo"): False,
        ("shading", "type"): "RENDERED",
        # EEVEE of Blender 4.2 to 4.5 takes the projection from the viewport's own camera.
        ("", "use_local_camera"): True,
        ("", "camera"): scene.camera,
        ("region_3d", "view_perspective"): "CAMERA",
    }
    if not draws_in_viewport(scene):
        changes |= {
            ("shading", "type"): "MATERIAL",
            ("shading", "use_scene_lights"): True,
            ("shading", "use_scene_world"): True,
        }
    return changes


def draws_in_viewport(scene: bpy.types.Scene) -> bool:
    """Whether a viewport draws the final picture at once. Cycles refines it step by step, so EEVEE replaces it."""
    return scene.render.engine in (WORKBENCH, *EEVEE)


def init_gpu(scene: bpy.types.Scene) -> None:
    """Makes Blender initialize the GPU, which it puts off in background mode. Raises CaptureError."""
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
        raise CaptureError(f"Blender cannot draw on this machine: {' '.join(str(error).split())}") from error
    finally:
        for name, value in before.items():
            setattr(render, name, value)
        if scene.camera != camera:
            scene.camera = camera
        scene.update_tag()
