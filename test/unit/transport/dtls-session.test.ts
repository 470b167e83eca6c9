import { createHash, createHmac, sign } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createSelfSignedCertificate } from "werift";
import type { InnerSession } from "../../../src/transport/dtls/inner.ts";
import { HandshakeMessage, MESSAGE } from "../../../src/transport/dtls/messages.ts";
import { HandshakeRefusals } from "../../../src/transport/dtls/refusals.ts";
import { GuardedDtls } from "../../../src/transport/dtls/session.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const ALERT = 21;
const HANDSHAKE = 22;
const DATA = 23;
const SECRET = Buffer.alloc(48, 3);
const SERVER = 2;

let certificate: Buffer;
let key: string;
beforeAll(async () => {
  const { certPem, keyPem } = await createSelfSignedCertificate({ hash: 4, signature: 3 });
  certificate = Buffer.from(certPem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  key = keyPem;
});

let numbers = 0;

function record(type: number, epoch: number, body: Buffer, number = numbers++): Buffer {
  const header = Buffer.from([type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUIntBE(number, 5, 6);
  header.writeUInt16BE(body.length, 11);
  return Buffer.concat([header, body]);
}

/** A client's ClientHello (RFC 5246, section 7.4.1.2). */
const HELLO = Buffer.concat([
  Buffer.from([0xfe, 0xfd]),
  Buffer.alloc(32),
  Buffer.from([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]),
]);

/** A client's messages to a server, and the server's events. */
class Met {
  readonly taken: number[] = [];
  readonly data = vi.fn();
  readonly closed = vi.fn();
  readonly refused = vi.fn();
  readonly authentic = vi.fn();
  readonly fingerprint = vi.fn();
  readonly cache: HandshakeMessage[] = [];
  readonly session = {
    sessionType: SERVER,
    transport: { socket: { onData: () => {} } },
    dtls: { sortedHandshakeCache: this.cache, epoch: 1, recordSequenceNumber: 6 },
    cipher: {
      cipher: {} as unknown,
      masterSecret: SECRET as Buffer | undefined,
      remoteCertificate: undefined as Buffer | undefined,
      localRandom: { serialize: () => Buffer.alloc(32) },
      remoteRandom: { serialize: () => Buffer.alloc(32) },
      /** Sealing in this test appends a letter. */
      decryptPacket: ({ fragment }: { fragment: Buffer }) => {
        if (fragment.at(-1) !== 0x73) throw new Error("not authentic");
        return fragment.subarray(0, -1);
      },
    },
    onData: { execute: this.data },
    onClose: { execute: this.closed },
    onError: { execute: vi.fn() },
    onHandleHandshakes: async ([message]: HandshakeMessage[]) => {
      if (message) this.#take(message);
    },
  };
  readonly dtls = new GuardedDtls(
    { verifyRemoteCertificateFingerprint: this.fingerprint },
    { refused: this.refused, authentic: this.authentic },
  );
  #sequence = 0;

  constructor() {
    this.dtls.begin(this.session as unknown as InnerSession);
  }

  #take(message: HandshakeMessage): void {
    this.taken.push(message.msg_type);
    if (message.message_seq === 0 || this.cache.includes(message)) return;
    this.cache.push(message);
    if (message.msg_type === MESSAGE.clientHello)
      for (const type of [2, 11, 12, 13, 14])
        this.cache.push(new HandshakeMessage(type, 0, Buffer.alloc(40, type)));
    if (message.msg_type === MESSAGE.certificate) this.session.cipher.remoteCertificate = certificate;
  }

  #transcript(): Buffer {
    return Buffer.concat(this.cache.map((message) => message.serialize()));
  }

  say(type: number, body: Buffer): void {
    const message = new HandshakeMessage(type, this.#sequence++, body).serialize();
    const isSealed = type === MESSAGE.finished;
    this.dtls.receive(isSealed ? sealed(HANDSHAKE, message) : record(HANDSHAKE, 0, message));
  }

  /** Sends all messages except Finished. */
  sayAll(): this {
    this.say(MESSAGE.clientHello, HELLO);
    this.say(MESSAGE.clientHello, HELLO);
    const size = certificate.length;
    const list = Buffer.from([0, (size + 3) >> 8, (size + 3) & 255, 0, size >> 8, size & 255]);
    this.say(MESSAGE.certificate, Buffer.concat([list, certificate]));
    this.say(MESSAGE.clientKeyExchange, Buffer.alloc(66));
    const signature = sign("sha256", this.#transcript(), key);
    this.say(MESSAGE.certificateVerify, Buffer.concat([Buffer.from([4, 3, 0, signature.length]), signature]));
    return this;
  }

  get finished(): Buffer {
    const hash = createHash("sha256").update(this.#transcript()).digest();
    const seed = Buffer.concat([Buffer.from("client finished"), hash]);
    const first = createHmac("sha256", SECRET).update(seed).digest();
    return createHmac("sha256", SECRET)
      .update(Buffer.concat([first, seed]))
      .digest()
      .subarray(0, 12);
  }

  finish(): this {
    this.say(MESSAGE.finished, this.finished);
    return this;
  }
}

const sealed = (type: number, body: Buffer, number?: number) =>
  record(type, 1, Buffer.concat([body, Buffer.from("s")]), number);
const forged = (type: number, body: Buffer) => record(type, 1, Buffer.concat([body, Buffer.from("x")]));
const SAID = Buffer.from("said");
const GOODBYE = Buffer.from([1, 0]);

let met: Met;
beforeEach(() => {
  numbers = 0;
  met = new Met();
});

describe("a handshake", () => {
  test("with all proofs reaches werift in order, and data passes after it", () => {
    met.sayAll().finish();
    expect(met.taken).toEqual([1, 1, 11, 16, 15, 20]);
    met.dtls.receive(sealed(DATA, SAID));
    expect(met.data.mock.calls).toEqual([[SAID]]);
    expect(met.refused).not.toHaveBeenCalled();
    expect(met.fingerprint).toHaveBeenCalledOnce();
  });

  test("without Finished passes no data and no alert, and does not count as authentic", () => {
    met.sayAll();
    for (const type of [DATA, ALERT]) met.dtls.receive(sealed(type, GOODBYE));
    met.dtls.receive(
      record(HANDSHAKE, 0, new HandshakeMessage(MESSAGE.finished, 5, met.finished).serialize()),
    );
    expect(met.taken).toEqual([1, 1, 11, 16, 15]);
    for (const event of [met.data, met.closed, met.authentic]) expect(event).not.toHaveBeenCalled();
  });

  test("with a certificate that the session description does not name is refused, including the data after it", () => {
    met.fingerprint.mockImplementation(() => {
      throw new Error("remote certificate fingerprint mismatch");
    });
    met.sayAll();
    const message = new HandshakeMessage(MESSAGE.finished, 5, met.finished).serialize();
    met.dtls.receive(Buffer.concat([sealed(HANDSHAKE, message), sealed(DATA, SAID)]));
    expect(met.refused.mock.calls).toEqual([
      ["shows another certificate than its session description names"],
    ]);
    expect(met.data).not.toHaveBeenCalled();
    expect(met.taken).not.toContain(MESSAGE.finished);
  });

  test("is refused if werift holds another certificate", () => {
    met.sayAll();
    met.session.cipher.remoteCertificate = Buffer.alloc(10);
    met.finish();
    expect(met.refused.mock.calls).toEqual([
      ["shows another certificate than its session description names"],
    ]);
  });

  test("without a master secret is refused", () => {
    met.sayAll();
    met.session.cipher.masterSecret = undefined;
    met.finish();
    expect(met.refused.mock.calls).toEqual([["has agreed on no keys"]]);
  });

  test("is refused if werift has not answered: the signature would cover none of our messages", () => {
    met.say(MESSAGE.clientHello, HELLO);
    met.say(MESSAGE.clientHello, HELLO);
    met.cache.splice(0);
    met.say(MESSAGE.certificate, Buffer.concat([Buffer.from([0, 2, 3, 0, 2, 0]), Buffer.alloc(512)]));
    met.session.cipher.remoteCertificate = certificate;
    met.say(MESSAGE.clientKeyExchange, Buffer.alloc(66));
    met.say(MESSAGE.certificateVerify, Buffer.alloc(80));
    expect(met.refused).toHaveBeenCalledOnce();
  });

  test("once refused is ignored", () => {
    met.say(MESSAGE.clientHello, HELLO);
    met.say(MESSAGE.finished, Buffer.alloc(12));
    expect(met.refused.mock.calls).toEqual([["sends message 20 out of order"]]);
    met.sayAll().finish();
    expect(met.taken).toEqual([1]);
    expect(met.refused).toHaveBeenCalledOnce();
  });

  test("is not repeated once done, but its retransmitted last message requests the answer again", () => {
    met.sayAll().finish();
    met.dtls.receive(sealed(HANDSHAKE, met.cache.at(-1)?.serialize() ?? Buffer.alloc(0)));
    expect(met.taken).toEqual([1, 1, 11, 16, 15, 20, 20]);
    met.say(MESSAGE.clientHello, HELLO);
    met.dtls.receive(record(HANDSHAKE, 0, new HandshakeMessage(1, 0, HELLO).serialize()));
    expect(met.taken).toHaveLength(7);
    expect(met.refused).not.toHaveBeenCalled();
  });

  test("requests an answer again only by retransmitting the message that was answered", () => {
    met.say(MESSAGE.clientHello, HELLO);
    const [first, second] = [0, 1].map((n) =>
      record(HANDSHAKE, 0, new HandshakeMessage(1, n, HELLO).serialize()),
    );
    met.dtls.receive(first ?? SAID);
    expect(met.taken).toEqual([1, 1]);
    met.dtls.receive(second ?? SAID);
    met.dtls.receive(first ?? SAID);
    expect(met.taken).toEqual([1, 1, 1]);
    met.dtls.receive(second ?? SAID);
    expect(met.taken).toEqual([1, 1, 1, 1]);
  });
});

describe("a session that is proven", () => {
  beforeEach(() => {
    met.sayAll().finish();
    met.authentic.mockReset();
  });

  test("reads each record once, and counts no replayed or forged record as authentic", () => {
    const [said, other] = [sealed(DATA, SAID), sealed(DATA, SAID)];
    for (const datagram of [said, said, other, said, forged(DATA, SAID), other]) met.dtls.receive(datagram);
    met.dtls.receive(record(HANDSHAKE, 0, new HandshakeMessage(1, 0, HELLO).serialize()));
    met.dtls.receive(sealed(DATA, SAID).fill(2, 4, 5));
    expect(met.data).toHaveBeenCalledTimes(2);
    expect(met.authentic).toHaveBeenCalledTimes(2);
  });

  test("ends only by a sealed fatal or closing alert, not by others in the clear, forged, replayed or milder", () => {
    for (const datagram of [
      record(ALERT, 0, GOODBYE),
      forged(ALERT, GOODBYE),
      sealed(ALERT, Buffer.from([1, 100])),
    ])
      met.dtls.receive(datagram);
    expect(met.closed).not.toHaveBeenCalled();
    const goodbye = sealed(ALERT, GOODBYE);
    met.dtls.receive(goodbye);
    met.dtls.receive(goodbye);
    expect(met.closed).toHaveBeenCalledOnce();
    met.dtls.receive(sealed(ALERT, Buffer.from([2, 51])));
    expect(met.closed).toHaveBeenCalledTimes(2);
  });

  test("survives an exception of the data's reader", () => {
    met.data.mockImplementationOnce(() => {
      throw new Error("not understood");
    });
    met.dtls.receive(Buffer.concat([sealed(DATA, SAID), sealed(DATA, SAID)]));
    expect(met.data).toHaveBeenCalledTimes(2);
  });

  test("reads no truncated record", () => {
    const whole = sealed(DATA, SAID);
    for (let bytes = 0; bytes < whole.length; bytes++) met.dtls.receive(whole.subarray(0, bytes));
    expect(met.data).not.toHaveBeenCalled();
  });

  test("never gives two sealed records one number", () => {
    const { dtls } = met.session;
    dtls.recordSequenceNumber = 7;
    dtls.recordSequenceNumber = 0;
    expect(++dtls.recordSequenceNumber).toBe(8);
  });
});

test("a session of an unknown version of werift is refused", () => {
  const { session } = met;
  for (const changed of [
    { sessionType: 3 },
    { onHandleHandshakes: undefined },
    { dtls: {} },
    { cipher: undefined },
  ]) {
    const dtls = new GuardedDtls({ verifyRemoteCertificateFingerprint() {} }, { refused() {} });
    expect(() => dtls.begin({ ...session, ...changed } as never)).toThrow("npm install");
  }
});

test("refusals are all counted, and logged at most once in ten seconds", async () => {
  const clock = new FakeClock();
  const log = vi.fn();
  const refusals = new HandshakeRefusals(clock, log);
  for (let n = 0; n < 100; n++) refusals.refused("shows no certificate");
  expect(log.mock.calls).toEqual([["A WebRTC peer was refused: it shows no certificate."]]);
  await clock.advance(10_000);
  refusals.refused("shows no certificate");
  expect(log).toHaveBeenCalledTimes(2);
  expect(refusals.count).toBe(101);
});
