import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import type { MediaSocket } from "../../../src/transport/io/io.ts";
import { canSegment } from "../../../src/transport/io/native/segmentation.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";

/** A machine whose datagrams of these sizes arrive that much later. */
async function tested(sizes: readonly number[], delay: number): Promise<boolean> {
  const clock = new FakeClock();
  const socket = Object.assign(new EventEmitter(), { address: () => ({ port: 9 }) });
  const bind = async () =>
    ({
      socket,
      wayTo: () => ({ send: () => {}, sendMedia: () => {} }),
      close: () => {},
    }) as unknown as MediaSocket;
  const sealer = { tagBytes: 16, seal: () => Buffer.alloc(0), close: () => {} };
  clock.after(delay, () => {
    for (const size of sizes) socket.emit("message", Buffer.alloc(size));
  });
  const result = canSegment({ clock, bind, sealer });
  await clock.advance(10_000);
  return result;
}

test("a machine that is slow at the start keeps UDP segmentation", async () => {
  expect(await tested([128, 128, 68], 1900)).toBe(true);
});

test("a kernel that does not cut the message has no segmentation", async () => {
  expect(await tested([324], 1)).toBe(false);
  expect(await tested([], 1)).toBe(false);
});

test("datagrams that are due together with the timeout count, as a busy thread runs the timer first", async () => {
  const clock = new FakeClock();
  const socket = Object.assign(new EventEmitter(), { address: () => ({ port: 9 }) });
  const bind = async () =>
    ({ socket, wayTo: () => ({ sendMedia: () => {} }), close: () => {} }) as unknown as MediaSocket;
  const result = canSegment({
    clock,
    bind,
    sealer: { tagBytes: 16, seal: () => Buffer.alloc(0), close: () => {} },
  });
  await settle();
  clock.pass(10_000);
  for (const size of [128, 128, 68]) socket.emit("message", Buffer.alloc(size));
  expect(await result).toBe(true);
});
