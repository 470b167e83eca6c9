# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways in which the background publisher draws frames: off screen, or by rendering to a file."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

import headless
from background_core import say
from rendercast import capture
from rendercast.capture import CaptureError
from rendercast.control import CAMERA_POSE
from rendercast.frames import Frame, image_frame, raw_frame
from rendercast.orbit import Orbit

if TYPE_CHECKING:
    from background_core import Options
    from rendercast.control import Pose


class OffScreenRenderer:
    """Draws off screen as a 3D viewport does. The fastest way, for Workbench and EEVEE."""

    can_turn = True
    """Whether it draws from another pose than the camera's."""

    def __init__(self, scene: bpy.types.Scene, options: Options) -> None:
        self._scene = scene
        self._size = (options.width, options.height)
        self._orbit = Orbit()
        self._loan = capture.ViewportLoan()
        self._surface = capture.OffScreen()
        with headless.quiet():
            capture.init_gpu(scene)
        from gpu.platform import renderer_get

        gpu = renderer_get()
        software = any(name in gpu.lower() for name in ("llvmpipe", "softpipe", "swiftshader"))
        if options.antialiasing != "auto":
            scene.display.viewport_aa = options.antialiasing
        elif software:
            scene.display.viewport_aa = "OFF"
        # Blender draws with an evaluated copy of the scene, which this setting alone does not update.
        scene.update_tag()
        bpy.context.view_layer.update()
        if scene.render.engine in capture.EEVEE:
            # The server shows viewers what precedes the semicolon.
            say("compiling shaders for EEVEE; without a GPU, the first time takes up to a minute")
        self.name = f"off screen on {'the CPU' if software else gpu}"
        self.draw(None).release()

    def draw(self, data: bytes | None, pose: Pose = CAMERA_POSE) -> Frame:
        """Draws one frame with this telemetry. Raises CaptureError."""
        scene, layer = self._scene, bpy.context.view_layer
        eye = self._orbit.apply(capture.camera_eye(scene, layer, self._size), pose, layer)
        place = self._loan.borrow(scene, hidden_only=False)
        return self._surface.draw(scene, layer, place, eye, self._size, data)

    def close(self) -> None:
        """Frees the graphics memory."""
        self._surface.free()


class FileRenderer:
    """Renders as F12 does, to a file in memory. For Cycles, and if drawing off screen fails."""

    can_turn = False
    """Rendering to a file uses the scene's camera, which viewers must not move."""

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
        # Metadata would be published with the frames.
        render.use_stamp = False
        image = render.image_settings
        if hasattr(image, "media_type"):
            image.media_type = "IMAGE"
        self._raw = True
        try:
            # Raw pixels behind a short header need neither compression here nor decoding on the server.
            image.file_format = "TARGA_RAW"
            image.color_mode = "RGBA"
        except TypeError:
            self._raw = False
            image.file_format = "JPEG"
            image.quality = 95
        self.name = f"by rendering to {folder}"
        self.draw(None)

    def draw(self, data: bytes | None, _pose: Pose = CAMERA_POSE) -> Frame:
        """Renders one frame with this telemetry. Raises ScriptError."""
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
    """Returns the fastest renderer that this Blender supports for the scene."""
    why = "Cycles does not draw off screen"
    if capture.draws_in_viewport(scene):
        try:
            return OffScreenRenderer(scene, options)
        except CaptureError as error:
            why = str(error)
    rendered = FileRenderer(scene, options)
    rendered.name += f" ({why.rstrip('.')})"
    return rendered
