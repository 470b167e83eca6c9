import { describe, expect, test } from "vitest";
import type { EpochMs } from "../../../src/base/clock.ts";
import type { EncodedFrame } from "../../../src/media/frame.ts";
import { PacketHistory } from "../../../src/transport/packets/history.ts";
import type { MediaPacket } from "../../../src/transport/packets/packetizer.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const MB = 1024 * 1024;

/** Fills a history with frames, and checks which packets it still finds. */
class Recorded {
  readonly clock = new FakeClock();
  readonly history = new PacketHistory(this.clock);
  #index = 0;

  /** The indexes of the frame's packets. */
  add(type: EncodedFrame["type"], { packets = 1, bytes = 100 } = {}): number[] {
    const made: MediaPacket[] = Array.from({ length: packets }, (_, n) => ({
      index: this.#index++,
      timestamp: 0,
      marker: n === packets - 1,
      payload: Buffer.alloc(bytes),
    }));
    const timings = { captured: this.clock.now(), received: this.clock.now() };
    const about = {
      codec: "vp8",
      level: 0,
      fullBitrate: 1_000_000,
      width: 2,
      height: 2,
      number: 1,
      rtpTimestamp: 0,
      data: Buffer.alloc(0),
    } as const;
    this.history.add({ ...about, type, timings }, made);
    return made.map(({ index }) => index);
  }

  found(indexes: readonly number[]): boolean[] {
    return indexes.map((index) => this.history.find(index) !== undefined);
  }
}

describe("the history of a rendition's packets", () => {
  test("returns the frame unchanged, with the history", () => {
    const clock = new FakeClock();
    const history = new PacketHistory(clock);
    const packets = [{ index: 7, timestamp: 90, marker: true, payload: Buffer.from("x") }];
    const captured = 5 as EpochMs;
    const about = {
      codec: "vp8",
      level: 0,
      fullBitrate: 1_000_000,
      width: 2,
      height: 2,
      number: 1,
      rtpTimestamp: 90,
      data: Buffer.from("x"),
    } as const;
    const frame = { ...about, type: "key", timings: { captured, received: captured } } as const;
    expect(history.add(frame, packets)).toEqual({
      type: "key",
      level: 0,
      fullBitrate: 1_000_000,
      captured,
      packets,
      history,
    });
    expect(history.find(7)).toBe(packets[0]);
    expect(history.find(8)).toBeUndefined();
  });

  test("keeps packets for two seconds", async () => {
    const recorded = new Recorded();
    recorded.add("key");
    const old = recorded.add("delta", { packets: 3 });
    await recorded.clock.advance(1);
    const young = recorded.add("delta");
    await recorded.clock.advance(2000);
    const last = recorded.add("delta");
    expect(recorded.found(old)).toEqual([false, false, false]);
    expect(recorded.found([...young, ...last])).toEqual([true, true]);
  });

  test("keeps the last keyframe until there is a newer one", async () => {
    const recorded = new Recorded();
    const older = recorded.add("key", { packets: 2 });
    const key = recorded.add("key", { packets: 2 });
    for (let second = 0; second < 20; second++) {
      await recorded.clock.advance(1000);
      recorded.add("delta");
    }
    expect(recorded.found(older)).toEqual([false, false]);
    expect(recorded.found(key)).toEqual([true, true]);
    recorded.add("key");
    await recorded.clock.advance(2001);
    recorded.add("delta");
    expect(recorded.found(key)).toEqual([false, false]);
  });

  test("limits its bytes regardless of age, and keeps the keyframe and the newest frame", () => {
    const recorded = new Recorded();
    const key = recorded.add("key", { bytes: 4 * MB });
    const deltas = Array.from({ length: 8 }, () => recorded.add("delta", { bytes: 3 * MB })).flat();
    expect(recorded.found(key)).toEqual([true]);
    // 4 and 4 x 3 MB fill 16.
    expect(recorded.found(deltas)).toEqual([false, false, false, false, true, true, true, true]);
    const huge = recorded.add("delta", { bytes: 40 * MB });
    expect(recorded.found([...key, ...huge])).toEqual([true, true]);
    expect(recorded.found(deltas)).not.toContain(true);
  });

  test("releases everything over the limits at a newer keyframe", () => {
    const recorded = new Recorded();
    const before = [recorded.add("key", { bytes: 8 * MB }), recorded.add("delta", { bytes: 8 * MB })].flat();
    const key = recorded.add("key", { bytes: 8 * MB });
    const delta = recorded.add("delta", { bytes: 8 * MB });
    expect(recorded.found(before)).toEqual([false, false]);
    expect(recorded.found([...key, ...delta])).toEqual([true, true]);
  });

  test("keeps a still picture's keyframe if no frame follows", async () => {
    const recorded = new Recorded();
    const key = recorded.add("key", { packets: 4 });
    await recorded.clock.advance(60_000);
    expect(recorded.found(key)).toEqual([true, true, true, true]);
  });
});
