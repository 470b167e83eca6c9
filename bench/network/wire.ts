/** The link's worker thread: it carries packets between two devices. */
import { closeSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type Counts, Link, type Path, seeded } from "./link.ts";
import { openTun, raisePriority, readPacket, waiter, writePacket } from "./tun.ts";

/** The worker's `workerData`: the device of each end. The first direction goes from the first end to the second. */
export type WireEnds = readonly [WireEnd, WireEnd];

/** A device in a namespace. */
export interface WireEnd {
  readonly namespace: string;
  readonly device: string;
}

/** A request to the worker. Only `count` is answered, with the counters of both directions. */
export type WireRequest =
  | { readonly kind: "configure"; readonly paths: readonly [Path, Path]; readonly seed: number }
  | { readonly kind: "begin" }
  | { readonly kind: "count" }
  | { readonly kind: "end" };

/** A message from the worker: undefined when the devices are ready, then counters. */
export type WireReport = readonly [Counts, Counts] | undefined;

/** Maximum milliseconds until a request is handled. */
const POLL_INTERVAL = 5;
/** Packets read from one device before the other gets its turn. */
const BATCH = 64;
/** Larger than any packet. */
const PACKET_BYTES = 65_536;

if (!parentPort) throw new Error("This module runs in a worker thread only.");
const owner = parentPort;
const now = () => performance.now();
const ends: WireEnds = workerData;
const devices = ends.map(({ namespace, device }) => openTun(namespace, device)) as [number, number];
const wait = waiter(devices);
const taken = Buffer.alloc(PACKET_BYTES);
let links = linksOf([{ delay: 0 }, { delay: 0 }], 1);
raisePriority();
owner.postMessage(undefined satisfies WireReport);

for (let running = true; running; ) {
  for (let got = receiveMessageOnPort(owner); got; got = receiveMessageOnPort(owner)) {
    if (got.message.kind === "end") running = false;
    else handle(got.message);
  }
  for (const [n, link] of links.entries()) {
    const [from, to] = n === 0 ? devices : [devices[1], devices[0]];
    take(from, link);
    for (let packet = link.pop(now()); packet; packet = link.pop(now())) writePacket(to, packet);
  }
  const next = Math.min(...links.map(({ due }) => due ?? Number.POSITIVE_INFINITY));
  wait(Math.min(next - now(), POLL_INTERVAL));
}
for (const device of devices) closeSync(device);
owner.close();

function handle(request: WireRequest): void {
  if (request.kind === "configure") links = linksOf(request.paths, request.seed);
  if (request.kind === "begin") for (const link of links) link.begin(now());
  if (request.kind === "count")
    owner.postMessage([{ ...links[0].counts }, { ...links[1].counts }] satisfies WireReport);
}

function take(device: number, link: Link): void {
  for (let n = 0; n < BATCH; n++) {
    const length = readPacket(device, taken);
    if (length === 0) return;
    link.push(Buffer.from(taken.subarray(0, length)), now());
  }
}

function linksOf([there, back]: readonly [Path, Path], seed: number): [Link, Link] {
  return [new Link(there, seeded(seed)), new Link(back, seeded(seed + 1))];
}
