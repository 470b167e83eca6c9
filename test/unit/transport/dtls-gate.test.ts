import { describe, expect, test } from "vitest";
import { DtlsGate } from "../../../src/transport/dtls/gate.ts";

const CHANGE_CIPHER = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const DATA = 23;

/** A record of DTLS 1.2 (RFC 6347, section 4.1). */
function record(type: number, epoch: number, body: Buffer): Buffer {
  const header = Buffer.from([type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, 0]);
  header.writeUInt16BE(body.length, 11);
  return Buffer.concat([header, body]);
}

/** AES-GCM's explicit nonce (epoch and number) before the sealed bytes (RFC 5288, section 3). */
const sealed = (bytes: number) =>
  Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 0, 0, 1]), Buffer.alloc(bytes + 16, 0x55)]);
const message = (type: number) => Buffer.from([type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

const HELLO = record(HANDSHAKE, 0, message(1));
const KEY_EXCHANGE = record(HANDSHAKE, 0, message(16));
const CHANGE = record(CHANGE_CIPHER, 0, Buffer.from([1]));
const FINISHED = record(HANDSHAKE, 1, sealed(24));
const TELEMETRY = record(DATA, 1, sealed(100));
const GOODBYE = record(ALERT, 1, sealed(2));

/** What passes of a single datagram, through a new gate. */
function soundDtls(datagram: Buffer, handshakeDone: boolean): Buffer | undefined {
  const gate = new DtlsGate();
  if (handshakeDone) gate.handshakeDone();
  return gate.pass(datagram);
}

describe("during the handshake", () => {
  test.each([
    ["a ClientHello", HELLO],
    ["further messages", KEY_EXCHANGE],
    ["a whole flight", Buffer.concat([KEY_EXCHANGE, CHANGE, FINISHED])],
    ["sealed records", Buffer.concat([TELEMETRY, GOODBYE])],
  ])("%s passes", (_, datagram) => {
    expect(soundDtls(datagram, false)).toEqual(datagram);
  });
});

describe("after the handshake", () => {
  test("sealed records pass", () => {
    for (const datagram of [TELEMETRY, GOODBYE, FINISHED, Buffer.concat([TELEMETRY, TELEMETRY])]) {
      expect(soundDtls(datagram, true)).toEqual(datagram);
    }
  });

  test("a ClientHello is refused, alone or before other records", () => {
    expect(soundDtls(HELLO, true)).toBeUndefined();
    expect(soundDtls(Buffer.concat([HELLO, TELEMETRY]), true)).toBeUndefined();
    expect(soundDtls(Buffer.concat([TELEMETRY, HELLO]), true)).toBeUndefined();
  });

  test("a retransmission of the viewer's last flight passes with its sealed record only", () => {
    expect(soundDtls(Buffer.concat([KEY_EXCHANGE, CHANGE, FINISHED]), true)).toEqual(FINISHED);
    expect(soundDtls(KEY_EXCHANGE, true)).toBeUndefined();
  });

  test("a second message in one record in the clear does not pass", () => {
    expect(soundDtls(record(HANDSHAKE, 0, Buffer.concat([message(11), message(1)])), true)).toBeUndefined();
    // Such as another Finished.
    expect(soundDtls(record(HANDSHAKE, 0, message(20)), true)).toBeUndefined();
  });
});

describe.each([false, true])("what never passes, with the handshake done: %s", (done) => {
  test.each([
    ["an alert in the clear: close", record(ALERT, 0, Buffer.from([1, 0]))],
    ["an alert in the clear: failure", record(ALERT, 0, Buffer.from([2, 40]))],
    ["an alert in the clear of epoch 1", record(ALERT, 1, Buffer.from([1, 0]))],
    [
      "such an alert padded to the length of a sealed one",
      record(ALERT, 1, Buffer.from([1, 0, ...sealed(0)])),
    ],
    ["data in the clear", record(DATA, 0, Buffer.alloc(30))],
    ["a record type of DTLS 1.3", record(26, 1, sealed(2))],
    ["an unknown record type", record(63, 1, sealed(2))],
    ["a record type below the first", record(19, 0, Buffer.alloc(4))],
    ["nothing", Buffer.alloc(0)],
  ])("%s", (_, datagram) => {
    expect(soundDtls(datagram, done)).toBeUndefined();
    if (datagram.length > 0) expect(soundDtls(Buffer.concat([TELEMETRY, datagram]), done)).toBeUndefined();
  });

  test("a record longer than its datagram, or torn anywhere", () => {
    for (let length = 0; length < TELEMETRY.length; length++) {
      expect(soundDtls(TELEMETRY.subarray(0, length), done)).toBeUndefined();
      if (length > 0) {
        expect(soundDtls(Buffer.concat([TELEMETRY, TELEMETRY.subarray(0, length)]), done)).toBeUndefined();
      }
    }
    const endless = Buffer.from(TELEMETRY);
    endless.writeUInt16BE(0xffff, 11);
    expect(soundDtls(endless, done)).toBeUndefined();
  });
});

describe("an endless handshake", () => {
  const part = (epoch: number) => record(HANDSHAKE, epoch, Buffer.alloc(1000, 11));

  test.each([0, 1])("is cut off in epoch %i, while everything else passes", (epoch) => {
    const gate = new DtlsGate();
    let passed = 0;
    for (let n = 0; n < 1000; n++) if (gate.pass(part(epoch))) passed++;
    expect(passed).toBe(64);
    expect(gate.pass(TELEMETRY)).toEqual(TELEMETRY);
    expect(gate.pass(Buffer.concat([TELEMETRY, part(epoch)]))).toBeUndefined();
  });

  test("has a limit that all retransmissions of a browser stay below", () => {
    const gate = new DtlsGate();
    const hello = record(HANDSHAKE, 0, Buffer.concat([message(1), Buffer.alloc(1300)]));
    const flight = Buffer.concat([
      record(HANDSHAKE, 0, Buffer.concat([message(11), Buffer.alloc(1000)])),
      CHANGE,
      FINISHED,
    ]);
    for (let again = 0; again < 12; again++) {
      for (const datagram of [hello, hello, flight]) expect(gate.pass(datagram)).toEqual(datagram);
    }
  });
});
