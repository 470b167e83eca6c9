/** Splits the telemetry of one frame into numbers, and all other values as text. */
import type { Telemetry } from "../../src/shared/protocol.ts";
import { NONE } from "../player/figures/format.ts";
import { figure } from "./figure.ts";

/** The values of one frame by name, in the order of the data. */
export interface Flat {
  readonly numbers: ReadonlyMap<string, number>;
  readonly texts: ReadonlyMap<string, string>;
}

/** Longer arrays of numbers are only counted. */
const MAX_ELEMENTS = 8;
const MAX_TEXT = 500;

/**
 * Objects become dotted names, one level deep, and short arrays of numbers become `name[0]`, `name[1]` and so on. Deeper
 * values are only counted. Infinite numbers are left out.
 */
export function flatten(data: Telemetry): Flat {
  const numbers = new Map<string, number>();
  const texts = new Map<string, string>();
  const put = (name: string, value: unknown) => {
    if (typeof value === "number") {
      if (Number.isFinite(value)) numbers.set(name, value);
    } else if (isShortRow(value)) {
      for (const [index, element] of value.entries()) put(`${name}[${index}]`, element);
    } else {
      texts.set(name, textOf(value));
    }
  };
  for (const [name, value] of Object.entries(data)) {
    const inner = isObject(value) ? Object.entries(value) : [];
    if (inner.length === 0) put(name, value);
    for (const [key, element] of inner) put(`${name}.${key}`, element);
  }
  return { numbers, texts };
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  if (Array.isArray(value)) return counted(value.length, "element");
  if (isObject(value)) return counted(Object.keys(value).length, "value");
  return value === null ? NONE : String(value);
}

function counted(count: number, noun: string): string {
  return `${figure(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function isShortRow(value: unknown): value is number[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_ELEMENTS) return false;
  return value.every((element) => typeof element === "number");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
