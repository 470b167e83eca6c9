/** The link's worker thread: it carries packets between two devices, and does nothing else. */
import { closeSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type Counts, Link, type Path, seeded } from "./link.ts";
import { goFirst, openTun, readPacket, waiter, writePacket } from "./tun.ts";

/** The worker's `workerData`: the device of each end. The first direction goes from the first to the second. */
export type WireEnds = readonly [WireEnd, WireEnd];

export interface WireEnd {
  readonly namespace: string;
  readonly device: string;
}

/** To the worker. It answers `count` with the counts of both directions, and is silent otherwise. */
export type WireOrder =
  | { readonly kind: "be"; readonly paths: readonly [Path, Path]; readonly seed: number }
  | { readonly kind: "begin" }
  | { readonly kind: "count" }
  | { readonly kind: "end" };

/** From the worker; undefined once when the devices are there. */
export type WireReport = readonly [Counts, Counts] | undefined;

/** Orders wait no longer than this. */
const LOOK_EVERY = 5;
/** Packets taken from one device before the other has its turn. */
const TAKEN_AT_ONCE = 64;
/** More than any device's packet. */
const PACKET_BYTES = 65_536;

if (!parentPort) throw new Error("The wire runs in a worker thread only.");
const owner = parentPort;
const now = () => performance.now();
const ends: WireEnds = workerData;
const devices = ends.map(({ namespace, device }) => openTun(namespace, device)) as [number, number];
const wait = waiter(devices);
const taken = Buffer.alloc(PACKET_BYTES);
let links = linksOf([{ delay: 0 }, { delay: 0 }], 1);
goFirst();
owner.postMessage(undefined satisfies WireReport);

for (let running = true; running; ) {
  for (let got = receiveMessageOnPort(owner); got; got = receiveMessageOnPort(owner)) {
    if (got.message.kind === "end") running = false;
    else obey(got.message);
  }
  for (const [n, link] of links.entries()) {
    const [from, to] = n === 0 ? devices : [devices[1], devices[0]];
    take(from, link);
    for (let packet = link.pop(now()); packet; packet = link.pop(now())) writePacket(to, packet);
  }
  const next = Math.min(...links.map(({ due }) => due ?? Number.POSITIVE_INFINITY));
  wait(Math.min(next - now(), LOOK_EVERY));
}
for (const device of devices) closeSync(device);
owner.close();

function obey(order: WireOrder): void {
  if (order.kind === "be") links = linksOf(order.paths, order.seed);
  if (order.kind === "begin") for (const link of links) link.begin(now());
  if (order.kind === "count")
    owner.postMessage([{ ...links[0].counts }, { ...links[1].counts }] satisfies WireReport);
}

function take(device: number, link: Link): void {
  for (let n = 0; n < TAKEN_AT_ONCE; n++) {
    const length = readPacket(device, taken);
    if (length === 0) return;
    link.push(Buffer.from(taken.subarray(0, length)), now());
  }
}

function linksOf([there, back]: readonly [Path, Path], seed: number): [Link, Link] {
  return [new Link(there, seeded(seed)), new Link(back, seeded(seed + 1))];
}
