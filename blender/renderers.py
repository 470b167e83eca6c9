# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the background publisher's frames: off screen as a viewport does, or by rendering into a file."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

import headless
from rendercast import capture
from rendercast.capture import CaptureError
from rendercast.frames import Frame, image_frame, raw_frame

if TYPE_CHECKING:
    from background_core import Options


class OffScreenRenderer:
    """Draws as a 3D viewport does: the fastest way, with the engines that draw a whole picture at once."""

    def __init__(self, scene: bpy.types.Scene, options: Options) -> None:
        self._scene = scene
        self._size = (options.width, options.height)
        self._wardrobe = capture.Wardrobe()
        self._surface = capture.OffScreen()
        with headless.quiet():
            capture.wake_gpu(scene)
        from gpu.platform import renderer_get

        card = renderer_get()
        software = any(name in card.lower() for name in ("llvmpipe", "softpipe", "swiftshader"))
        if options.antialiasing != "auto":
            scene.display.viewport_aa = options.antialiasing
        elif software:
            scene.display.viewport_aa = "OFF"
        # Blender draws with a copy of the scene, which this setting alone does not renew.
        scene.update_tag()
        bpy.context.view_layer.update()
        self.name = f"off screen on {'the processor' if software else card}"
        self.draw(None).release()

    def draw(self, data: bytes | None) -> Frame:
        """Draws one frame."""
        scene, layer = self._scene, bpy.context.view_layer
        place = self._wardrobe.lend(scene, hidden_only=False)
        eye = capture.camera_eye(scene, layer, self._size)
        return self._surface.draw(scene, layer, place, eye, self._size, data)

    def close(self) -> None:
        """Gives the graphics memory back."""
        self._surface.free()


class FileRenderer:
    """Renders as F12 does, into a file in memory: the way for Cycles, and where nothing can be drawn off screen."""

    def __init__(self, scene: bpy.types.Scene, options: Options) -> None:
        self._scene = scene
        self._size = (options.width, options.height)
        memory = Path("/dev/shm")
        folder = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
        self._path = folder / f"rendercast-{os.getpid()}.picture"
        if options.antialiasing != "auto":
            scene.display.render_aa = options.antialiasing
        render = scene.render
        render.filepath = str(self._path)
        render.use_file_extension = False
        # They would go out with the pictures.
        render.use_stamp = False
        image = render.image_settings
        if hasattr(image, "media_type"):
            image.media_type = "IMAGE"
        self._raw = True
        try:
            # Bare pixels behind a short header: nothing to compress here, nothing to decode there.
            image.file_format = "TARGA_RAW"
            image.color_mode = "RGBA"
        except TypeError:
            self._raw = False
            image.file_format = "JPEG"
            image.quality = 95
        self.name = f"by rendering into {folder}"
        self.draw(None)

    def draw(self, data: bytes | None) -> Frame:
        """Renders one frame."""
        headless.render(self._scene)
        captured = time.time()
        picture = self._path.read_bytes()
        if not self._raw:
            return image_frame(picture, "image/jpeg", captured=captured, telemetry=data)
        width, height = self._size
        start = 18 + picture[0]
        rows = "top-down" if picture[17] & 0x20 else "bottom-up"
        pixels = memoryview(picture)[start : start + width * height * 4]
        return raw_frame(pixels, width, height, pixels="bgra", rows=rows, captured=captured, telemetry=data)

    def close(self) -> None:
        """Removes the file."""
        self._path.unlink(missing_ok=True)


def fastest_renderer(scene: bpy.types.Scene, options: Options) -> OffScreenRenderer | FileRenderer:
    """Returns the fastest way that this Blender offers to draw the scene."""
    why = "Cycles draws nothing off screen"
    if capture.draws_itself(scene):
        try:
            return OffScreenRenderer(scene, options)
        except CaptureError as error:
            why = str(error)
    rendered = FileRenderer(scene, options)
    rendered.name += f" ({why.rstrip('.')})"
    return rendered
