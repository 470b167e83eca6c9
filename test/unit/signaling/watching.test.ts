import { beforeEach, describe, expect, test } from "vitest";
import { MAX_OFFER_LENGTH } from "../../../src/shared/protocol.ts";
import { type Refusal, Watching } from "../../../src/signaling/watching.ts";
import { OfferError } from "../../../src/transport/audience/viewer.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";

let clock: FakeClock;
let watching: Watching;
let logged: string[];
let restarts: string[];
let left: number;
let keyframes: number;
let latencies: number[] = [];
let ices: number;
let ended: string[];
/** Ends the newest viewer's session, as the server does. */
let end: (reason: string) => void;
let admissions: number;
/** Delays an admission. */
let admitting: Promise<unknown>;
/** The refusal of everybody, if set. */
let forbidden: Refusal | undefined;
/** Delays a restart. */
let restarting: Promise<unknown>;

beforeEach(() => {
  clock = new FakeClock();
  logged = [];
  restarts = [];
  left = 0;
  keyframes = 0;
  latencies = [];
  ices = 0;
  restarting = Promise.resolve();
  ended = [];
  forbidden = undefined;
  admissions = 0;
  admitting = Promise.resolve();
  watching = new Watching(
    {
      clock,
      find: (name) =>
        name === "main"
          ? {
              watch: async (offer, _address, gone) => {
                end = gone;
                admissions++;
                await admitting;
                return {
                  id: "7",
                  answer: `answer to ${offer}`,
                  async restart(again) {
                    restarts.push(again);
                    await restarting;
                    return `answer to ${again}`;
                  },
                  keyframe: () => keyframes++,
                  latency: (milliseconds) => latencies.push(milliseconds),
                  leave: () => left++,
                };
              },
            }
          : undefined,
      ice: () => ({ iceServers: [{ urls: `turn:${++ices}` }] }),
      refusal: (error) =>
        error instanceof OfferError ? { code: error.code, message: error.message } : undefined,
      address: "192.0.2.1",
      forbids: async () => forbidden,
      log: (line, { level = "info" } = {}) => {
        if (level !== "debug") logged.push(line);
      },
    },
    (reason) => ended.push(reason),
  );
});

const watch = () => watching.watch({ stream: "main", offer: "offer" });
const refused = (code: string) => ({ ok: false, code, message: expect.stringMatching(/^[A-Z].*\.$/) });

test("each answer has fresh ICE servers", async () => {
  expect(await watch()).toEqual({
    ok: true,
    value: { answer: "answer to offer", viewer: "7", iceServers: [{ urls: "turn:1" }] },
  });
  expect(await watching.restart({ offer: "another" })).toMatchObject({
    value: { iceServers: [{ urls: "turn:2" }] },
  });
});

test("a page's latency counts only if it is a plausible time, and while the page watches", async () => {
  watching.latency(12);
  await watching.watch({ stream: "main", offer: "an offer" });
  for (const told of [31.5, -1, Number.NaN, Number.POSITIVE_INFINITY, "31", undefined, {}, 1e12])
    watching.latency(told);
  watching.leave();
  watching.latency(13);
  expect(latencies).toEqual([31.5]);
});

test("a keyframe is requested while the page watches, twice a second at most", async () => {
  watching.keyframe();
  expect(keyframes).toBe(0);
  await watch();
  await clock.advance(500);
  for (let n = 0; n < 10; n++) watching.keyframe();
  expect(keyframes).toBe(1);
  await clock.advance(500);
  watching.keyframe();
  expect(keyframes).toBe(2);
});

describe("a restart", () => {
  test("is answered by the current viewer, which stays", async () => {
    await watch();
    const reply = await watching.restart({ offer: "another" });
    expect(reply).toMatchObject({ ok: true, value: { answer: "answer to another" } });
    expect(restarts).toEqual(["another"]);
    expect(left).toBe(0);
  });

  test("without a viewer, or after it left, is refused", async () => {
    expect(await watching.restart({ offer: "another" })).toEqual(refused("not-watching"));
    await watch();
    watching.leave();
    expect(await watching.restart({ offer: "another" })).toEqual(refused("not-watching"));
    expect(restarts).toEqual([]);
  });

  test("with an invalid or too long offer is refused", async () => {
    await watch();
    for (const request of [
      undefined,
      null,
      "offer",
      {},
      { offer: "" },
      { offer: 1 },
      { offer: "x".repeat(MAX_OFFER_LENGTH + 1) },
    ]) {
      expect(await watching.restart(request)).toEqual(refused("bad-request"));
    }
    expect(restarts).toEqual([]);
    expect(await watching.restart({ offer: "x".repeat(MAX_OFFER_LENGTH) })).toMatchObject({ ok: true });
  });

  test("is refused within a second of the last one", async () => {
    await watch();
    expect(await watching.restart({ offer: "1" })).toMatchObject({ ok: true });
    await clock.advance(999);
    expect(await watching.restart({ offer: "2" })).toEqual(refused("bad-request"));
    await clock.advance(1);
    expect(await watching.restart({ offer: "3" })).toMatchObject({ ok: true });
    expect(restarts).toEqual(["1", "3"]);
  });

  test("is refused during another one, however long that takes", async () => {
    await watch();
    let answer: ((value: unknown) => void) | undefined;
    restarting = new Promise((resolve) => {
      answer = resolve;
    });
    const first = watching.restart({ offer: "1" });
    await clock.advance(5000);
    expect(await watching.restart({ offer: "2" })).toEqual(refused("bad-request"));
    answer?.(undefined);
    expect(await first).toMatchObject({ ok: true });
    expect(await watching.restart({ offer: "3" })).toMatchObject({ ok: true });
  });

  test("is refused if the viewer leaves during it", async () => {
    await watch();
    restarting = settle();
    const reply = watching.restart({ offer: "another" });
    watching.leave();
    expect(await reply).toEqual(refused("not-watching"));
  });

  test("passes on a refusal, logs a failure, and may succeed the next time", async () => {
    await watch();
    restarting = Promise.reject(new OfferError("bad-request", "The offer is another's."));
    expect(await watching.restart({ offer: "1" })).toEqual({
      ok: false,
      code: "bad-request",
      message: "The offer is another's.",
    });
    expect(logged).toEqual([]);
    await clock.advance(1000);
    restarting = Promise.reject(new Error("out of order"));
    expect(await watching.restart({ offer: "2" })).toEqual(refused("failed"));
    expect(logged).toEqual([expect.stringContaining("out of order")]);
    await clock.advance(1000);
    restarting = Promise.resolve();
    expect(await watching.restart({ offer: "3" })).toMatchObject({ ok: true });
  });
});

test("watching again leaves the earlier viewer, even if it was still being admitted", async () => {
  await watch();
  let admit: (value?: unknown) => void = () => {};
  admitting = new Promise((resolve) => {
    admit = resolve;
  });
  const overtaken = watch();
  await settle();
  const newest = watch();
  expect(left).toBe(1);
  admit();
  await Promise.all([overtaken, newest]);
  expect(left).toBe(2);
  await watching.restart({ offer: "another" });
  expect(restarts).toEqual(["another"]);
});

describe("a page without the right to watch", () => {
  test("gets the refusal for any stream, and no viewer", async () => {
    forbidden = { ok: false, code: "token", message: "Watching this takes a token." };
    expect(await watch()).toEqual(forbidden);
    expect(await watching.watch({ stream: "none", offer: "offer" })).toEqual(forbidden);
    expect(await watching.restart({ offer: "another" })).toEqual(refused("not-watching"));
  });

  test("takes no seat if it leaves while its right is checked", async () => {
    const reply = watch();
    watching.leave();
    expect(await reply).toMatchObject({ ok: false });
    expect(admissions).toBe(0);
  });
});

describe("a session's end by the server", () => {
  test("is reported, and ends watching", async () => {
    await watch();
    end("failed");
    expect(ended).toEqual(["failed"]);
    expect(await watching.restart({ offer: "another" })).toEqual(refused("not-watching"));
    watching.leave();
    expect(left).toBe(0);
  });

  test("is not reported for a session that the page left or replaced", async () => {
    await watch();
    const endFirst = end;
    await watch();
    endFirst("left");
    watching.leave();
    end("left");
    expect(ended).toEqual([]);
    expect(left).toBe(2);
  });
});
