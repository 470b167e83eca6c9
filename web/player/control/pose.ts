/** How gestures change a pose. Distances on the screen are fractions of the picture's height. */
import { POSE_LIMITS, type Pose } from "../../../src/shared/control.ts";

/** A drag over the whole height turns by half a turn. */
const RADIANS_PER_HEIGHT = Math.PI;

/** Turns the eye as if the scene were dragged. */
export function turn(pose: Pose, right: number, down: number): Pose {
  const yaw = pose.yaw + right * RADIANS_PER_HEIGHT;
  // Around and around: a full turn is no turn.
  const wrapped = yaw - 2 * Math.PI * Math.round(yaw / (2 * Math.PI));
  return within({ ...pose, yaw: wrapped, pitch: pose.pitch + down * RADIANS_PER_HEIGHT });
}

/** Moves the eye sideways as if the scene were dragged. */
export function pan(pose: Pose, right: number, down: number): Pose {
  const { distance } = pose;
  return within({ ...pose, x: pose.x - right * distance, y: pose.y + down * distance });
}

/** Moves the eye away; closer if the factor is below 1. */
export function dolly(pose: Pose, factor: number): Pose {
  return within({ ...pose, distance: pose.distance * factor });
}

function within({ yaw, pitch, distance, x, y }: Pose): Pose {
  return {
    yaw: clamp(yaw, POSE_LIMITS.yaw),
    pitch: clamp(pitch, POSE_LIMITS.pitch),
    distance: clamp(distance, POSE_LIMITS.distance),
    x: clamp(x, POSE_LIMITS.x),
    y: clamp(y, POSE_LIMITS.y),
  };
}

function clamp(value: number, [least, most]: readonly [number, number]): number {
  return Math.min(most, Math.max(least, value));
}
