import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { classes, Message, methods } from "werift";
import { Access } from "../../../src/access/access.ts";
import { askerOf, hideToken } from "../../../src/access/asker.ts";
import { LinkSigner } from "../../../src/access/link-signer.ts";
import { Proxies } from "../../../src/access/proxies.ts";
import {
  credentialsOf,
  iceSessionsOf,
  isFragment,
  withCredentials,
} from "../../../src/http/whep/fragment.ts";
import { addressKey } from "../../../src/network/ip.ts";
import { Watching } from "../../../src/signaling/watching.ts";
import { DtlsGate } from "../../../src/transport/dtls/gate.ts";
import { readFeedback } from "../../../src/transport/rtp/rtcp.ts";
import { chooseFormat, withFormat } from "../../../src/transport/sdp/formats.ts";
import { fingerprintsOf, isVideoOffer, keepBundled, offerForWerift } from "../../../src/transport/sdp/sdp.ts";
import { readBindingRequest } from "../../../src/transport/stun/check.ts";
import { SctpGate } from "../../../src/transport/werift/sctp-gate.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { mutated, mutatedText, randomFrom, randomValue } from "../../helpers/fuzz.ts";
import { SDP_SCRAPS, VIEWER_OFFER } from "../../helpers/offer.ts";

// Thousands of cases take long while all cores are busy.
vi.setConfig({ testTimeout: 60_000 });

const ROUNDS = 2000;
const PASSWORD = "a password of twenty-two";
const BYTES = [
  Buffer.from([0]),
  Buffer.from([255, 255]),
  Buffer.from([0, 0, 0, 4]),
  Buffer.from([128, 201, 0, 1]),
];

/** Bytes of a few 32-bit words. */
function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [n, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, 4 * n);
  return bytes;
}

/** Runs the round ROUNDS times, and counts the outcomes. */
function rounds(
  seed: number,
  round: (random: ReturnType<typeof randomFrom>) => string,
): Record<string, number> {
  const random = randomFrom(seed);
  const ends: Record<string, number> = {};
  for (let n = 0; n < ROUNDS; n++) {
    const end = round(random);
    ends[end] = (ends[end] ?? 0) + 1;
  }
  return ends;
}

/** Expects both outcomes often enough that each was really tested. */
function bothOften({ passed = 0, refused = 0 }: Record<string, number>): void {
  expect(passed).toBeGreaterThan(ROUNDS / 50);
  expect(refused).toBeGreaterThan(ROUNDS / 50);
}

describe("input changed at random", () => {
  test("an offer is refused, or rewritten without candidates", () => {
    const ends = rounds(3, (random) => {
      const offer = mutatedText(VIEWER_OFFER, random, SDP_SCRAPS);
      if (!isVideoOffer(offer)) return "refused";
      const rewritten = offerForWerift(offer);
      expect(rewritten).not.toMatch(/\na=candidate:/);
      // Some letters are longer in upper case.
      expect(fingerprintsOf(offer).length).toBeLessThanOrEqual(3 * offer.length);
      expect(keepBundled(rewritten, offer).length).toBeLessThan(3 * rewritten.length + 100);
      const format = chooseFormat(rewritten, ["vp8", "h264"]);
      if (format) expect(withFormat(rewritten, format).length).toBeLessThan(2 * rewritten.length);
      return "passed";
    });
    bothOften(ends);
  });

  test("a fragment is refused, or its credentials are those of the rewritten offer", () => {
    const fragment = VIEWER_OFFER.split("\r\n")
      .filter((line) => /^(m=|a=(ice|mid|candidate))/.test(line))
      .join("\r\n");
    const ends = rounds(5, (random) => {
      const changed = mutatedText(fragment, random, SDP_SCRAPS);
      if (!isFragment(changed)) return "refused";
      const credentials = credentialsOf(changed);
      if (credentials) {
        expect(iceSessionsOf(changed)).toEqual([credentials.fragment]);
        expect(withCredentials(VIEWER_OFFER, credentials)).toContain(
          `a=ice-ufrag:${credentials.fragment}\r\n`,
        );
      }
      return "passed";
    });
    bothOften(ends);
  });

  test("RTCP gives a limited number of items, with values in range", () => {
    const compound = Buffer.concat([
      words(0x80c80006, 1, 2, 3, 4, 5, 6),
      words(0x81c90007, 1, 7, 0x10000001, 2, 3, 4, 5),
      words(0x81cd0003, 1, 7, 0x00050003),
      words(0x81ce0002, 1, 7),
      words(0x84ce0004, 1, 0, 7, 0x01000000),
      words(0x8fce0005, 1, 0, 0x52454d42, 0x0103ffff, 7),
      words(0x8fcd0005, 1, 7, 0x00010002, 0x00000100, 0x20020000),
      words(0x80cb0001, 1),
    ]);
    expect(readFeedback(compound).length).toBeGreaterThan(4);
    const ends = rounds(7, (random) => {
      const feedback = readFeedback(mutated(compound, random, BYTES));
      expect(feedback.length).toBeLessThan(1000);
      for (const one of feedback) {
        if (one.kind === "nack") expect(one.lost.length).toBeLessThanOrEqual(17 * 32);
        if (one.kind === "estimate") expect(Number.isFinite(one.bitrate)).toBe(true);
        if ("ssrc" in one) expect(one.ssrc).toBeLessThan(2 ** 32);
      }
      return feedback.length > 0 ? "passed" : "refused";
    });
    bothOften(ends);
  });

  test("a connectivity check is authentic only if its protected bytes are unchanged", () => {
    const check = new Message(methods.BINDING, classes.REQUEST, Buffer.alloc(12, 7))
      .setAttribute("USERNAME", "ours:theirs")
      .setAttribute("PRIORITY", 1)
      .setAttribute("ICE-CONTROLLING", 1n)
      .setAttribute("USE-CANDIDATE", null)
      .addMessageIntegrity(Buffer.from(PASSWORD))
      .addFingerprint().bytes;
    expect(readBindingRequest(check)?.isAuthentic(PASSWORD)).toBe(true);
    const isProtected = check.length - 8;
    const ends = rounds(11, (random) => {
      const changed = mutated(check, random, BYTES);
      // Correct the length, or most checks would be refused for that alone.
      if (changed.length >= 20) changed.writeUInt16BE(changed.length - 20, 2);
      const request = readBindingRequest(changed);
      const authentic = request?.isAuthentic(PASSWORD) ?? false;
      // The length in the header counts only up to the integrity (RFC 8489, section 14.5).
      const same = (at: number, end: number) => changed.subarray(at, end).equals(check.subarray(at, end));
      if (authentic) expect(same(0, 2) && same(4, isProtected)).toBe(true);
      return request ? "passed" : "refused";
    });
    bothOften(ends);
  });

  test("a DTLS datagram passes only in whole records of known types, and never grows", () => {
    const record = (type: number, epoch: number, body: Buffer) =>
      Buffer.concat([Buffer.from([type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, body.length]), body]);
    const sealed = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 0, 0, 1]), Buffer.alloc(40, 5)]);
    const flight = Buffer.concat([
      record(22, 0, Buffer.alloc(60, 1)),
      record(20, 0, Buffer.from([1])),
      record(22, 1, sealed),
      record(23, 1, sealed),
    ]);
    const ends = rounds(13, (random) => {
      const gate = new DtlsGate();
      if (random(2) === 0) gate.handshakeDone();
      const datagram = random(8) === 0 ? flight : mutated(flight, random, BYTES);
      const passed = gate.pass(datagram);
      if (!passed) return "refused";
      expect(passed.length).toBeLessThanOrEqual(datagram.length);
      for (let at = 0; at < passed.length; at += 13 + passed.readUInt16BE(at + 11))
        expect([20, 21, 22, 23]).toContain(passed[at]);
      return "passed";
    });
    bothOften(ends);
  });

  test("an SCTP packet passes only with few chunks of valid lengths", () => {
    const chunk = (type: number, body: Buffer) =>
      Buffer.concat([Buffer.from([type, 0, 0, 4 + body.length]), body, Buffer.alloc(-body.length & 3)]);
    const packet = Buffer.concat([
      Buffer.alloc(12, 1),
      chunk(3, words(1, 131_072, 0x00010000, 0x00020003)),
      chunk(0, Buffer.concat([words(1, 0, 50), Buffer.alloc(18, 3)])),
      chunk(4, words(0x00010008, 1)),
    ]);
    const ends = rounds(17, (random) => {
      const changed = random(8) === 0 ? packet : mutated(packet, random, BYTES);
      if (!new SctpGate().pass(changed)) return "refused";
      let chunks = 0;
      for (let at = 12; at < changed.length; chunks++) {
        const length = changed.readUInt16BE(at + 2);
        expect(length).toBeGreaterThanOrEqual(4);
        at += 4 * Math.ceil(length / 4);
      }
      expect(chunks).toBeLessThanOrEqual(16);
      return "passed";
    });
    bothOften(ends);
  });

  test("a forwarded client's address is always a valid IP address", () => {
    const proxies = new Proxies(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"], () => {});
    const header = "203.0.113.5, [2001:db8::1]:443, 10.0.0.1";
    rounds(19, (random) => {
      const forwarded = mutatedText(header, random, [",", "::", ":", "/", "%", "[", "1e9", "0x7f", "\t"]);
      const client = proxies.clientOf({ address: "127.0.0.1", headers: { "x-forwarded-for": forwarded } });
      expect(isIP(client ?? "")).not.toBe(0);
      expect(addressKey(client).length).toBeLessThanOrEqual(16);
      return "passed";
    });
  });
});

test("any message of a page over its socket gets an answer", async () => {
  const told: number[] = [];
  const random = randomFrom(23);
  const logged: string[] = [];
  const watching = new Watching(
    {
      clock: new FakeClock(),
      address: "192.0.2.1",
      ice: () => ({ iceServers: [] }),
      find: () => ({
        watch: async () => ({
          id: "7",
          answer: "answer",
          restart: async () => "answer",
          keyframe: () => {},
          latency: (milliseconds) => told.push(milliseconds),
          leave: () => {},
        }),
      }),
      refusal: () => undefined,
      forbids: async () => undefined,
      log: (line, { level = "info" } = {}) => {
        if (level !== "debug") logged.push(line);
      },
    },
    () => {},
  );
  for (let n = 0; n < ROUNDS; n++) {
    const asked = randomValue(random);
    watching.latency(asked);
    for (const reply of [await watching.watch(asked), await watching.restart(asked)]) {
      expect(reply.ok || /^[A-Z].*\.$/.test(reply.message)).toBe(true);
    }
  }
  expect(logged).toEqual([]);
  expect(told.filter((value) => !(value >= 0 && value <= 86_400_000))).toEqual([]);
});

test("a changed token grants nothing, in the header or in the URL", async () => {
  const random = randomFrom(29);
  const clock = new FakeClock(1_795_370_000_000);
  const nothing = { jwtSecret: undefined, jwks: undefined, own: undefined, hosts: undefined };
  const options = { clock, host: "::", log: () => {}, ...nothing };
  const claims = { jwtIssuer: undefined, jwtAudience: undefined };
  const links = { links: new LinkSigner(clock), here: [] };
  const access = new Access({
    ...options,
    ...claims,
    ...links,
    secrets: { view: PASSWORD },
    proxies: new Proxies([], () => {}),
  });
  const { token } = await access.share("main", 60_000);
  for (let n = 0; n < 1000; n++) {
    const changed = mutatedText(token, random, [".", "=", "e30", "..", "null", "\0", "&token="]);
    const inAddress = random(2) === 0;
    const message = {
      url: inAddress
        ? `/streams/main?x&token=${random(2) === 0 ? changed : encodeURIComponent(changed)}`
        : "/",
      headers: inAddress ? {} : { authorization: `Bearer ${changed}` },
      httpVersion: "1.1",
      // From different addresses, or the limit of guesses would refuse all but the first.
      socket: { remoteAddress: `192.0.${n >> 8}.${n & 255}` },
    } as unknown as IncomingMessage;
    hideToken(message);
    expect(/[?&]token=/.test(message.url ?? "")).toBe(false);
    const asker = askerOf(message);
    const verdict = await access.mayDo(asker, "view", "main");
    if (verdict.granted) expect(sameBytes(asker.token, token)).toBe(true);
  }
});

/** Compares the bytes, because base64url ignores some bits of the last letter. */
function sameBytes(given: string | undefined, token: string): boolean {
  const decode = (text: string) =>
    text.split(".").map((part) => Buffer.from(part, "base64url").toString("hex"));
  return given !== undefined && decode(given).join() === decode(token).join();
}
