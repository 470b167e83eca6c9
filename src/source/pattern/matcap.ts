/**
 * The light, as a matcap: the colour of polished metal by the direction of its surface, seen from the front. It holds a
 * whole studio (two softboxes, a rim light, floor and ceiling) for one look-up per pixel.
 */
import { colour, mix, smoothstep } from "./canvas.ts";
import { add, cross, dot, normalize, scale, type Vector } from "./vector.ts";

/** Width and height of the matcap in texels; a power of two. */
export const MATCAP_SIZE = 512;

/** A rectangular lamp that the metal mirrors. */
interface Softbox {
  /** Direction from the object, and the axes of the face, as unit vectors. */
  readonly direction: Vector;
  readonly right: Vector;
  readonly up: Vector;
  /** Half of width and height at distance 1 from the object. */
  readonly width: number;
  readonly height: number;
  /** Blur of the edge in the same unit, which shows the metal's roughness. */
  readonly blur: number;
  /** Linear light. */
  readonly light: Vector;
}

const KEY: Softbox = {
  ...aimed([0.62, 0.62, 0.48]),
  width: 0.34,
  height: 0.34,
  blur: 0.34,
  light: [3.4, 2.7, 2.1],
};
const STRIP: Softbox = {
  ...aimed([-0.92, 0.12, 0.35]),
  width: 0.1,
  height: 0.7,
  blur: 0.26,
  light: [0.5, 0.85, 1.5],
};
/** Reflectance of the metal, copper, per channel. */
const METAL: Vector = [0.97, 0.47, 0.28];
const RIM: Vector = [0.42, 0.6, 1.15];

/** The light is computed for one texel in this many and interpolated in between, because it is smooth. */
const STEP = 4;

/** Renders the matcap: `MATCAP_SIZE` squared packed colours, `u` to the right and `v` down. */
export function studioMatcap(): Int32Array {
  const stride = MATCAP_SIZE / STEP + 1;
  const knots = Int32Array.from({ length: stride * stride }, (_, i) => {
    return colourAt((i % stride) * STEP, Math.floor(i / stride) * STEP);
  });
  const matcap = new Int32Array(MATCAP_SIZE * MATCAP_SIZE);
  for (let v = 0, at = 0; v < MATCAP_SIZE; v++) {
    for (let u = 0; u < MATCAP_SIZE; u++, at++) {
      const knot = Math.floor(v / STEP) * stride + Math.floor(u / STEP);
      const right = ((u % STEP) * 256) / STEP;
      const upper = mix(knots[knot] ?? 0, knots[knot + 1] ?? 0, right);
      const lower = mix(knots[knot + stride] ?? 0, knots[knot + stride + 1] ?? 0, right);
      matcap[at] = mix(upper, lower, ((v % STEP) * 256) / STEP);
    }
  }
  return matcap;
}

function colourAt(u: number, v: number): number {
  const half = MATCAP_SIZE / 2;
  const x = (u - half) / (half - 1);
  const y = (half - v) / (half - 1);
  const length = Math.hypot(x, y);
  // Normals beyond the disc face slightly away from the camera: they take the colour of its edge.
  const inside = Math.min(1, 0.999 / length);
  const z = Math.sqrt(1 - Math.min(0.998, length * length));
  const [red, green, blue] = shade([x * inside, y * inside, z]);
  return colour(developed(red), developed(green), developed(blue));
}

function aimed(towards: Vector): Pick<Softbox, "direction" | "right" | "up"> {
  const direction = normalize(towards);
  const right = normalize(cross([0, 1, 0], direction));
  return { direction, right, up: cross(direction, right) };
}

/** The linear light that a surface with this normal reflects to the camera. */
function shade(normal: Vector): Vector {
  const mirrored = add(scale(normal, 2 * normal[2]), [0, 0, -1]);
  const grazing = (1 - normal[2]) ** 4;
  const reflectance = add(METAL, scale(add([1, 1, 1], scale(METAL, -1)), grazing));
  let light = room(mirrored);
  for (const box of [KEY, STRIP]) light = add(light, scale(box.light, mirroredShare(box, mirrored)));
  // A little diffuse light shows the body's colour where the metal mirrors darkness.
  const diffuse = 0.2 * Math.max(0, dot(normal, KEY.direction)) + 0.05 * Math.max(0, 0.4 + 0.6 * normal[1]);
  light = add(light, [diffuse, diffuse, diffuse]);
  const rim = smoothstep(0.35, 1, 1 - normal[2]) * smoothstep(-0.5, 0.9, normal[1] - 0.45 * normal[0]);
  return add(times(light, reflectance), scale(RIM, rim));
}

/** The dark studio itself: a grey ceiling, a bluish floor. */
function room([, y]: Vector): Vector {
  const ceiling = smoothstep(-0.2, 1, y);
  const floor = smoothstep(0.1, 1, -y);
  return [
    0.035 + 0.16 * ceiling + 0.03 * floor,
    0.04 + 0.17 * ceiling + 0.05 * floor,
    0.055 + 0.2 * ceiling + 0.1 * floor,
  ];
}

function mirroredShare({ direction, right, up, width, height, blur }: Softbox, mirrored: Vector): number {
  const ahead = dot(mirrored, direction);
  if (ahead <= 0) return 0;
  const off = (along: Vector, size: number) =>
    1 - smoothstep(size - blur, size + blur, Math.abs(dot(mirrored, along)));
  return off(right, width) * off(up, height) * smoothstep(0, 0.3, ahead);
}

function times(a: Vector, b: Vector): Vector {
  return [a[0] * b[0], a[1] * b[1], a[2] * b[2]];
}

/** Converts linear light to an sRGB channel, with compressed highlights (Narkowicz's fit of the ACES curve). */
function developed(linear: number): number {
  const toned = (linear * (2.51 * linear + 0.03)) / (linear * (2.43 * linear + 0.59) + 0.14);
  return 255 * Math.min(1, toned) ** (1 / 2.2);
}
