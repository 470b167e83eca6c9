/**
 * The formats of control: a viewer turns the camera of a stream. `docs/protocol.md` describes them.
 *
 * A pose is relative to the camera that the publisher draws with, so the page needs no matrices of the scene, and no pose
 * is further away than its limits allow. The publisher moves the eye of the stream alone.
 */

/** Where the eye is, relative to the publisher's camera. It turns around the point in the middle of that camera's view. */
export interface Pose {
  /** Radians around the vertical axis; positive moves the scene to the right on the screen. */
  readonly yaw: number;
  /** Radians around the horizontal axis of the screen; positive shows the scene more from above. */
  readonly pitch: number;
  /** The distance to the point, as a multiple of the camera's own. */
  readonly distance: number;
  /** Sideways and upwards, as multiples of the height that the camera's picture has at the point. */
  readonly x: number;
  readonly y: number;
}

/** The pose of the camera itself. */
export const CAMERA_POSE: Pose = { yaw: 0, pitch: 0, distance: 1, x: 0, y: 0 };

/** The lowest and highest value of each part of a pose. */
export const POSE_LIMITS = {
  yaw: [-Math.PI, Math.PI],
  pitch: [-Math.PI / 2, Math.PI / 2],
  distance: [0.05, 20],
  x: [-10, 10],
  y: [-10, 10],
} as const satisfies Readonly<Record<keyof Pose, readonly [number, number]>>;

/** How a stream can be controlled, and by whom. Viewers are numbered from 1 in the order in which they asked. */
export interface ControlInfo {
  /** What the publisher allows: `orbit` is to turn the camera. */
  readonly mode: "orbit";
  /** The viewer that controls the stream; absent if none does. */
  readonly holder?: number;
  /** The viewer that asks the holder to hand over; absent if none does. */
  readonly asking?: number;
}

/** The right of one viewer to move the camera, until it ends. */
export interface Lease {
  readonly id: string;
  /** Where the eye is now. */
  readonly pose: Pose;
  /** Milliseconds without a message after which the lease ends. */
  readonly idle: number;
}

/** The answer to a viewer that asks to control. Without a lease, another viewer is asked to hand over. */
export interface Operating {
  /** The viewer's number in {@link ControlInfo}. */
  readonly viewer: number;
  readonly lease?: Lease;
}

/** A message of the lease's holder. */
export interface Move {
  readonly lease: string;
  /** Larger in each message of a lease: older messages are dropped. */
  readonly seq: number;
  readonly pose: Pose;
}

/**
 * Why a lease ended. `idle`: no message for ten seconds. `taken-back`: an operator of the server took it back. `off`: the
 * publisher allows no control any more. `right`: the viewer's token has ended.
 */
export type LeaseEnd = "idle" | "taken-back" | "off" | "right";
