import { beforeEach, describe, expect, test } from "vitest";
import { FullError } from "../../../src/broadcast/seats.ts";
import { WhepSessions } from "../../../src/http/whep/sessions.ts";
import { OfferError } from "../../../src/transport/audience/viewer.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const OFFER = "v=0\r\nm=video 9 X 96\r\na=ice-ufrag:first\r\na=ice-pwd:secret\r\na=recvonly\r\n";
const iceOf = (fragment: string) => `a=ice-ufrag:${fragment}\r\na=ice-pwd:another\r\n`;

let clock: FakeClock;
let sessions: WhepSessions;
let left: number;
let logged: string[];
let restarts: string[];
let fails: Error | undefined;
/** Ends the newest viewer's connection. */
let vanish: () => void;

beforeEach(() => {
  clock = new FakeClock();
  left = 0;
  logged = [];
  restarts = [];
  fails = undefined;
  sessions = new WhepSessions({
    clock,
    find: (name) =>
      name !== "main"
        ? undefined
        : {
            async watch(_offer, _address, gone) {
              vanish = () => gone("silent");
              if (fails) throw fails;
              return {
                id: "7",
                answer: "an answer",
                async restart(offer) {
                  if (fails) throw fails;
                  restarts.push(offer);
                  return "v=0\r\na=ice-lite\r\nm=video 9 X 96\r\na=ice-ufrag:ours\r\n";
                },
                keyframe: () => {},
                latency: () => {},
                leave: () => left++,
              };
            },
          },
    ice: () => ({ iceServers: [{ urls: "stun:example" }] }),
    refusal: (error) => {
      if (error instanceof OfferError) return { code: error.code, message: error.message };
      return error instanceof FullError ? { code: "full", message: error.message } : undefined;
    },
    log: (line, { level = "info" } = {}) => {
      if (level !== "debug") logged.push(line);
    },
  });
});

const forever = () => () => {};
const open = (after?: number) =>
  sessions.open("main", OFFER, "192.0.2.1", after === undefined ? forever : (run) => clock.after(after, run));

describe("a session", () => {
  test("answers an offer, with its own ID and entity tag", async () => {
    const [one, other] = [await open(), await open()];
    expect(one).toMatchObject({ answer: "an answer", ice: { iceServers: [{ urls: "stun:example" }] } });
    expect(one.etag).toMatch(/^"[^"]{20,}"$/);
    expect(one.id.length).toBeGreaterThan(20);
    expect(new Set([one.id, one.etag, other.id, other.etag]).size).toBe(4);
    expect(sessions.has("main", one.id)).toBe(true);
    expect(sessions.has("another", one.id)).toBe(false);
  });

  test("ends its viewer once, and only under its own stream", async () => {
    const { id } = await open();
    expect(() => sessions.end("another", id)).toThrow(expect.objectContaining({ status: 404 }));
    expect(left).toBe(0);
    sessions.end("main", id);
    expect(left).toBe(1);
    expect(() => sessions.end("main", id)).toThrow(expect.objectContaining({ status: 404 }));
  });

  test("ends with its viewer", async () => {
    const { id } = await open();
    vanish();
    expect(sessions.has("main", id)).toBe(false);
  });

  test("ends when its right to watch expires, and leaves no timer", async () => {
    const { id } = await open(5000);
    await open(9000);
    await clock.advance(4999);
    expect(sessions.has("main", id)).toBe(true);
    await clock.advance(1);
    expect(sessions.has("main", id)).toBe(false);
    expect(left).toBe(1);
    vanish();
    expect(clock.timers).toBe(0);
  });

  test.each([
    [new OfferError("no-common-codec", "No codec."), 422, undefined],
    [new OfferError("bad-request", "No offer."), 400, undefined],
    [new FullError("total", "viewers"), 503, 10_000],
    [new Error("out of order"), 500, undefined],
  ])("that is refused for %s gets the status %i", async (error, status, retryAfter) => {
    fails = error;
    await expect(open()).rejects.toMatchObject({ status, retryAfter });
    expect(logged).toHaveLength(status === 500 ? 1 : 0);
  });

  test("gets 409 with a retry delay if nobody publishes the stream, and 422 if the offer only sends", async () => {
    await expect(sessions.open("absent", OFFER, "192.0.2.1", forever)).rejects.toMatchObject({
      status: 409,
      retryAfter: 2000,
    });
    await expect(
      sessions.open("main", OFFER.replace("recvonly", "sendonly"), "192.0.2.1", forever),
    ).rejects.toMatchObject({
      status: 422,
    });
  });
});

describe("a fragment", () => {
  test("with the session's credentials or tag carries candidates, and does not restart ICE", async () => {
    const { id, etag } = await open();
    for (const tags of [etag, `"other", ${etag}`, "*", undefined])
      expect(await sessions.patch("main", id, iceOf("first"), tags)).toBeUndefined();
    expect(await sessions.patch("main", id, "a=candidate:1\r\n", etag)).toBeUndefined();
    await expect(sessions.patch("main", id, iceOf("first"), '"other"')).rejects.toMatchObject({
      status: 412,
    });
    await expect(sessions.patch("main", id, "a=candidate:1\r\n", undefined)).rejects.toMatchObject({
      status: 428,
    });
    expect(restarts).toEqual([]);
  });

  test("with other credentials restarts ICE, and the session gets a new tag", async () => {
    const { id, etag } = await open();
    const restarted = await sessions.patch("main", id, iceOf("second"), "*");
    expect(restarts).toEqual([OFFER.replace("first", "second").replace("secret", "another")]);
    expect(restarted?.fragment).toContain("a=ice-ufrag:ours\r\n");
    expect(restarted?.etag).not.toBe(etag);
    await expect(sessions.patch("main", id, iceOf("second"), etag)).rejects.toMatchObject({ status: 412 });
    expect(await sessions.patch("main", id, iceOf("second"), restarted?.etag)).toBeUndefined();
  });

  test("that restarts ICE needs a tag, credentials, a connected viewer, and a second since the last one", async () => {
    const { id } = await open();
    const refused = (fragment: string, tags: string | undefined, status: number) =>
      expect(sessions.patch("main", id, fragment, tags)).rejects.toMatchObject({ status });
    await refused(iceOf("second"), undefined, 428);
    await refused("a=ice-ufrag:second\r\n", "*", 400);
    await refused("v=0\r\n", "*", 400);
    fails = new OfferError("not-watching", "Not connected.");
    await refused(iceOf("second"), "*", 409);
    fails = undefined;
    await refused(iceOf("second"), "*", 429);
    await clock.advance(1000);
    expect(await sessions.patch("main", id, iceOf("second"), "*")).toBeDefined();
  });
});
