import { describe, expect, test } from "vitest";
import { classes, Message, methods } from "werift";
import { PacketGuard } from "../../src/transport/guard.ts";

const PASSWORD = "0123456789012345678901";
const VIEWER = "192.0.2.7 5000";
const STRANGER = "198.51.100.9 6000";

const guard = () => new PacketGuard((fragment) => (fragment === "ours" ? PASSWORD : undefined));

function bindingRequest(username: string, password?: string, useCandidate = false): Buffer {
  const message = new Message(methods.BINDING, classes.REQUEST).setAttribute("USERNAME", username);
  if (useCandidate) message.setAttribute("USE-CANDIDATE", null);
  if (password !== undefined) message.addMessageIntegrity(Buffer.from(password)).addFingerprint();
  return message.bytes;
}

const record = (type: number, epoch: number, ...body: number[]) =>
  Buffer.from([type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0, body.length, ...body]);

const CLIENT_HELLO = record(22, 0, 1, 0, 0, 0);
const ENCRYPTED = record(23, 1, 9, 9, 9);
const PLAIN_ALERT = record(21, 0, 2, 40);
const SRTCP = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 1]);

describe("the packet guard", () => {
  test("admits a binding request with the right integrity, and from then on its sender's DTLS and RTCP", () => {
    const ours = guard();
    expect(ours.admits(CLIENT_HELLO, VIEWER)).toBe(false);
    expect(ours.admits(SRTCP, VIEWER)).toBe(false);
    expect(ours.admits(bindingRequest("ours:theirs", PASSWORD), VIEWER)).toBe(true);
    expect(ours.admits(CLIENT_HELLO, VIEWER)).toBe(true);
    expect(ours.admits(ENCRYPTED, VIEWER)).toBe(true);
    expect(ours.admits(SRTCP, VIEWER)).toBe(true);
    expect(ours.refused).toBe(2);
  });

  test.each([
    ["no integrity", bindingRequest("ours:theirs", undefined, true)],
    ["a wrong password", bindingRequest("ours:theirs", "x".repeat(22), true)],
    ["a user fragment that is not ours", bindingRequest("others:theirs", PASSWORD, true)],
    ["no user name", new Message(methods.BINDING, classes.REQUEST).bytes],
  ])("refuses a nomination with %s, and its sender stays a stranger", (_, request) => {
    const ours = guard();
    expect(ours.admits(request, STRANGER)).toBe(false);
    expect(ours.admits(ENCRYPTED, STRANGER)).toBe(false);
  });

  test.each([
    ["an alert in the clear", PLAIN_ALERT],
    ["an alert behind a sound record", Buffer.concat([ENCRYPTED, PLAIN_ALERT])],
    ["a content type that DTLS 1.2 does not know", record(42, 0, 1)],
    ["application data in the clear", record(23, 0, 1)],
    ["a record longer than its datagram", ENCRYPTED.subarray(0, 14)],
    ["half a record header", ENCRYPTED.subarray(0, 7)],
    ["something that is no protocol of ours", Buffer.from([99, 1, 2, 3])],
    ["an empty datagram", Buffer.alloc(0)],
    ["an oversized datagram", Buffer.alloc(4000, 0x80)],
  ])("refuses %s even from the viewer's own address", (_, datagram) => {
    const ours = guard();
    ours.admits(bindingRequest("ours:theirs", PASSWORD), VIEWER);
    expect(ours.admits(datagram, VIEWER)).toBe(false);
  });

  test("refuses a new handshake once one is done", () => {
    const ours = guard();
    ours.admits(bindingRequest("ours:theirs", PASSWORD), VIEWER);
    ours.handshakeDone();
    expect(ours.admits(CLIENT_HELLO, VIEWER)).toBe(false);
    expect(ours.admits(ENCRYPTED, VIEWER)).toBe(true);
  });

  test("forgets the oldest of many addresses, so that a viewer cannot fill its memory", () => {
    const ours = guard();
    const request = bindingRequest("ours:theirs", PASSWORD);
    ours.admits(request, VIEWER);
    for (let port = 0; port < 16; port++) ours.admits(request, `192.0.2.8 ${port}`);
    expect(ours.admits(SRTCP, VIEWER)).toBe(false);
    expect(ours.admits(SRTCP, "192.0.2.8 15")).toBe(true);
  });

  test("never throws, whatever comes", () => {
    const ours = guard();
    const sound = [bindingRequest("ours:theirs", PASSWORD), CLIENT_HELLO, ENCRYPTED, SRTCP];
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let i = 0; i < 5000; i++) {
      const datagram = Buffer.from(sound[random(sound.length)] ?? []);
      for (let hits = random(4); hits >= 0; hits--) datagram[random(datagram.length)] = random(256);
      ours.admits(datagram.subarray(0, random(datagram.length + 1)), i % 2 ? VIEWER : STRANGER);
    }
    expect(ours.refused).toBeGreaterThan(1000);
  });
});
