# SPDX-License-Identifier: GPL-3.0-or-later
"""A six-axis robot arm that swaps boxes between two trays, and publishes its joint angles with each frame.

    npm start -- --script examples/robot-arm/robot_arm.py

It also runs in Blender's Text editor. README.md beside this file says more.
"""

from __future__ import annotations

import sys
from math import degrees, radians
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy
from mathutils import Matrix, Vector

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import rendercast
except ImportError:
    # In a Blender without the add-on, the arm moves and publishes nothing.
    rendercast = None


def here() -> Path:
    """Returns this script's folder. In Blender's Text editor, `__file__` does not contain it."""
    texts = (Path(bpy.path.abspath(text.filepath)) for text in bpy.data.texts if text.filepath)
    folders = [path.parent for path in (Path(__file__), *texts)]
    found = next((folder for folder in folders if (folder / "motion.py").is_file()), None)
    if not found:
        raise FileNotFoundError("robot_arm.py needs the other files of its folder; open it from there.")
    return found


# Import them afresh when the script runs again: they may have changed.
for name in ("kinematics", "motion", "parts"):
    sys.modules.pop(name, None)
sys.path.insert(0, str(here()))
import kinematics
import motion
from parts import Workshop

sys.path.pop(0)

COLLECTION = "Robot arm"
FPS = 24

ORANGE = (0.92, 0.24, 0.03)
WHITE = (0.80, 0.79, 0.76)
DARK = (0.045, 0.05, 0.06)
STEEL = (0.42, 0.44, 0.47)
STUDIO = (0.62, 0.63, 0.64)
BOXES = {
    "Teal": (0.02, 0.42, 0.40),
    "Yellow": (0.95, 0.58, 0.04),
    "Blue": (0.06, 0.22, 0.62),
    "Rose": (0.66, 0.10, 0.15),
}


class Arm(NamedTuple):
    """The objects that move."""

    joints: list[bpy.types.Object]
    fingers: list[bpy.types.Object]
    boxes: list[bpy.types.Object]


def build(scene: bpy.types.Scene) -> Arm:
    """Builds the scene, and replaces what an earlier run built."""
    clear()
    collection = bpy.data.collections.new(COLLECTION)
    scene.collection.children.link(collection)
    shop = Workshop(collection)
    make_materials(shop)
    make_surroundings(shop)
    joints = make_arm(shop)
    fingers = make_gripper(shop, joints[-1])
    boxes = [shop.box(f"{name} box", name, (motion.BOX,) * 3, rounded=0.01) for name in BOXES]
    light(scene, collection)
    film(scene, collection)
    return Arm(joints, fingers, boxes)


def clear() -> None:
    """Removes what an earlier run built, and the objects of Blender's factory scene."""
    old = bpy.data.collections.get(COLLECTION)
    gone = list(old.objects) if old else []
    factory = [bpy.data.objects.get(name) for name in ("Cube", "Light", "Camera")]
    if not bpy.data.filepath and all(factory):
        gone += factory
    for thing in gone:
        bpy.data.objects.remove(thing)
    if old:
        bpy.data.collections.remove(old)
    bpy.data.orphans_purge(do_recursive=True)


def make_materials(shop: Workshop) -> None:
    """Creates the materials."""
    shop.material("Orange", ORANGE, 0.4)
    shop.material("White", WHITE, 0.45)
    shop.material("Dark", DARK, 0.5)
    shop.material("Steel", STEEL, 0.35)
    shop.material("Studio", STUDIO, 1.0)
    for name, colour in BOXES.items():
        shop.material(name, colour, 0.6)


def make_surroundings(shop: Workshop) -> None:
    """Creates the studio, the plinth and the trays."""
    shop.studio("Studio", width=24, front=-9, back=3.6, height=9, bend=2.6)
    shop.turned("Plinth", "White", ((0.40, 0), (0.40, 0.07)), rounded=0.02, segments=64)
    shop.turned("Foot", "Dark", ((0.28, 0.06), (0.28, 0.13)), rounded=0.012, segments=48)
    for name, direction in motion.TRAYS.items():
        make_tray(shop, f"{name.title()} tray", direction)


def make_tray(shop: Workshop, name: str, direction: float) -> None:
    """Creates a tray. `direction` is its angle around the arm, in radians."""
    tray = shop.joint(name, None, tuple(Matrix.Rotation(direction, 3, "Z") @ Vector((motion.TRAY_OUT, 0, 0))))
    tray.rotation_euler.z = direction
    deep, wide, top = 0.32, 3 * motion.SLOT + 0.08, motion.TRAY_FLOOR
    shop.box(f"{name} foot", "Dark", (deep - 0.08, wide - 0.08, top - 0.03), (0, 0, (top - 0.03) / 2), tray)
    shop.box(f"{name} top", "White", (deep, wide, 0.035), (0, 0, top - 0.0175), tray, 0.012)
    for slot in (-1, 0, 1):
        side = motion.BOX + 0.02
        shop.box(f"{name} mat", "Steel", (side, side, 0.006), (0, slot * motion.SLOT, top - 0.0025), tray, 0.002)


def make_arm(shop: Workshop) -> list[bpy.types.Object]:
    """Creates the six joints, each the parent of the next, with their parts."""
    up, out = kinematics.SHOULDER_UP, kinematics.SHOULDER_OUT
    base = shop.joint("Base", None, (0, 0, 0))
    column = ((0.25, 0.135), (0.25, 0.20), (0.20, 0.27), (0.19, 0.32))
    shop.turned("Column", "Orange", column, parent=base, rounded=0.015)
    shop.link("Turret", "Orange", ((0.0, 0.30, 0.16), (out, up, 0.135)), 0.17, parent=base, rounded=0.02)

    shoulder = shop.joint("Shoulder", base, (out, 0, up))
    shop.turned("Shoulder drive", "Dark", ((0.105, -0.20), (0.105, 0.20)), parent=shoulder, axis="y", rounded=0.014)
    cap(shop, shoulder, 0.055, 0.205)
    for side in (-1, 1):
        at = (0, side * 0.125, 0)
        shop.link("Upper arm", "Orange", ((0, 0, 0.135), (0, kinematics.UPPER_ARM, 0.105)), 0.065, at, shoulder)
        shop.link("Inlay", "White", ((0, 0.22, 0.05), (0, 0.47, 0.045)), 0.075, at, shoulder, 0.004)
    shop.box("Brace", "Dark", (0.11, 0.20, 0.26), (0, 0, 0.34), shoulder, 0.02)

    elbow = shop.joint("Elbow", shoulder, (0, 0, kinematics.UPPER_ARM))
    shop.turned("Elbow drive", "Dark", ((0.08, -0.185), (0.08, 0.185)), parent=elbow, axis="y", rounded=0.012)
    cap(shop, elbow, 0.042, 0.19)
    shop.link("Elbow block", "Orange", ((-0.02, 0.0, 0.115), (0.17, 0.0, 0.085)), 0.165, parent=elbow, rounded=0.02)
    shop.turned("Motor", "Dark", ((0.062, -0.24), (0.062, -0.12)), parent=elbow, axis="x", rounded=0.012)

    roll = shop.joint("Wrist roll", elbow, (0, 0, 0))
    end = kinematics.FOREARM - 0.13
    shop.turned("Ring", "Dark", ((0.078, 0.24), (0.078, 0.275)), parent=roll, axis="x", rounded=0.006)
    shop.turned("Forearm", "Orange", ((0.083, 0.275), (0.062, end)), parent=roll, axis="x", rounded=0.01)
    for side in (-1, 1):
        ends = ((end - 0.02, 0.0, 0.045), (kinematics.FOREARM, 0.0, 0.052))
        shop.link("Fork", "Orange", ends, 0.03, (0, side * 0.062, 0), roll, 0.008)
    shop.box("Fork root", "Orange", (0.05, 0.13, 0.09), (end + 0.005, 0, 0), roll, 0.012)

    pitch = shop.joint("Wrist pitch", roll, (kinematics.FOREARM, 0, 0))
    shop.turned("Wrist drive", "Dark", ((0.036, -0.088), (0.036, 0.088)), parent=pitch, axis="y", rounded=0.006)
    shop.link("Wrist", "White", ((0.0, 0.0, 0.05), (0.07, 0.0, 0.045)), 0.085, parent=pitch, rounded=0.012)

    tool = shop.joint("Tool", pitch, (0, 0, 0))
    return [base, shoulder, elbow, roll, pitch, tool]


def cap(shop: Workshop, joint: bpy.types.Object, radius: float, side: float) -> None:
    """Creates a bright disc on both ends of a drive."""
    shop.turned("Cap", "Steel", ((radius, -side), (radius, side)), parent=joint, axis="y", rounded=0.004, segments=32)


def make_gripper(shop: Workshop, tool: bpy.types.Object) -> list[bpy.types.Object]:
    """Creates the gripper's body and two fingers that slide along y."""
    tip = kinematics.TOOL
    shop.turned("Flange", "Dark", ((0.042, 0.11), (0.042, 0.15)), parent=tool, axis="x", rounded=0.006)
    shop.box("Gripper", "White", (0.07, 0.24, 0.085), (0.185, 0, 0), tool, 0.016)
    fingers = []
    for side in (-1, 1):
        finger = shop.joint("Finger", tool, (0, 0, 0))
        shop.box("Finger plate", "Dark", (0.165, 0.022, 0.05), (tip - 0.05, side * 0.017, 0), finger, 0.006)
        shop.box("Finger pad", "Steel", (0.07, 0.006, 0.042), (tip - 0.003, side * 0.003, 0), finger, 0.002)
        fingers.append(finger)
    return fingers


def light(scene: bpy.types.Scene, collection: bpy.types.Collection) -> None:
    """Sets up Workbench's studio light, and a sun and a soft light for EEVEE and Cycles."""
    shading = scene.display.shading
    shading.light = "STUDIO"
    shading.studio_light = "paint.sl"
    shading.color_type = "MATERIAL"
    shading.show_specular_highlight = True
    shading.show_shadows = True
    shading.shadow_intensity = 0.35
    shading.show_cavity = False
    shading.show_backface_culling = True
    scene.display.light_direction = (0.45, 0.40, 0.80)
    scene.display.shadow_focus = 0.6
    # Filmic and AgX take longer than all of Workbench.
    scene.view_settings.view_transform = "Standard"
    if not scene.world:
        scene.world = bpy.data.worlds.new("World")
    scene.world.color = (0.5, 0.5, 0.5)

    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy, sun.angle = 2.2, radians(6)
    soft = bpy.data.lights.new("Soft light", "AREA")
    soft.energy, soft.size = 180, 3
    for data, at in ((sun, (-2.5, -3, 5)), (soft, (3, -3, 3.5))):
        lamp = bpy.data.objects.new(data.name, data)
        lamp.location = at
        aim(lamp, (0, -0.3, 0.5))
        collection.objects.link(lamp)


def film(scene: bpy.types.Scene, collection: bpy.types.Collection) -> None:
    """Creates the camera, and sets the frame rate and range."""
    data = bpy.data.cameras.new("Camera")
    data.lens = 52
    camera = bpy.data.objects.new("Camera", data)
    camera.location = (0.75, -4.5, 1.6)
    aim(camera, (0.02, -0.3, 0.535))
    collection.objects.link(camera)
    scene.camera = camera
    scene.render.fps = FPS
    scene.render.fps_base = 1
    scene.frame_start = 1
    scene.frame_end = round(motion.LOOP * FPS)


def aim(thing: bpy.types.Object, at: tuple[float, float, float]) -> None:
    """Points a camera or a lamp at a point."""
    thing.rotation_euler = (Vector(at) - thing.location).to_track_quat("-Z", "Y").to_euler()


def pose(arm: Arm, state: motion.State) -> None:
    """Moves the objects to their places in this state."""
    for joint, axis, angle in zip(arm.joints, (2, 1, 1, 0, 1, 0), state.joints):
        joint.rotation_euler[axis] = angle
    for finger, side in zip(arm.fingers, (-1, 1)):
        finger.location.y = side * state.gap / 2
    for box, where in zip(arm.boxes, state.boxes):
        box.matrix_world = Matrix.LocRotScale(Vector(where.point), Matrix(where.turn), None)


def figures(state: motion.State, speed: float, loops: int) -> dict[str, object]:
    """Returns the data to publish with a frame."""
    angles = {name: round(degrees(angle), 2) for name, angle in state.joints._asdict().items()}
    return {
        **angles,
        "gripper": round(state.gap * 1000, 1),
        "speed": round(speed * 1000),
        "state": state.word,
        "holding": state.held is not None,
        "cycle": loops * len(motion.MOVES) + state.done,
    }


def animate(scene: bpy.types.Scene, arm: Arm) -> None:
    """Registers the handlers that move the arm and publish its data on every frame change."""
    name = scene.name
    last, loops = 0.0, 0

    def seconds(shown: bpy.types.Scene) -> float:
        return (shown.frame_current_final - shown.frame_start) / FPS

    def robot_arm_moves(shown: bpy.types.Scene, *_: object) -> None:
        if shown.name == name:
            pose(arm, motion.state(seconds(shown)))

    def robot_arm_publishes(shown: bpy.types.Scene, *_: object) -> None:
        nonlocal last, loops
        if shown.name != name or not rendercast:
            return
        now = seconds(shown)
        # A small step back in the timeline does not count as a loop.
        loops += last - now > motion.LOOP / 2
        last = now
        rendercast.publish_data(figures(motion.state(now), motion.speed(now), loops))

    register(bpy.app.handlers.frame_change_pre, robot_arm_moves)
    register(bpy.app.handlers.frame_change_post, robot_arm_publishes)
    scene.frame_set(scene.frame_start)


def register(handlers: list[Callable[..., None]], handler: Callable[..., None]) -> None:
    """Adds a handler, and replaces the one from an earlier run."""
    handlers[:] = [other for other in handlers if other.__name__ != handler.__name__]
    handlers.append(handler)


def main() -> None:
    """Builds and animates the scene."""
    scene = bpy.context.scene
    animate(scene, build(scene))


main()
