import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createSelfSignedCertificate } from "werift";
import {
  alter,
  type Change,
  type Identity,
  inAnswer,
  startSfu,
  type Trick,
  watchByWhep,
} from "./helpers/dtls-peer.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const TOKEN = "a-token-of-a-viewer";

/** Handshake messages by their types (RFC 5246, section 7.4). */
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;
const SERVER_KEY_EXCHANGE = 12;
const CERTIFICATE_VERIFY = 15;
const CLIENT_KEY_EXCHANGE = 16;
const HEADER = 12;

/** Hash and signature of TLS 1.2 (RFC 5246, section 7.4.1.4.1). */
const SHA1_ECDSA = [2, 3];
const SHA256_RSA = [4, 1];

let ecdsa: Identity;
let rsa: Identity;
/** The certificate of a peer, which everybody on its way can read, with a key of another's own. */
let impersonator: Identity;

const newIdentity = (signature: 1 | 3) =>
  createSelfSignedCertificate({ hash: 4, signature }) as Promise<Identity>;

beforeAll(async () => {
  const [own, byRsa, other] = await Promise.all([newIdentity(3), newIdentity(1), newIdentity(3)]);
  ecdsa = own;
  rsa = byRsa;
  impersonator = { ...own, keyPem: other.keyPem };
});

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function refusedBy(server: ServerProcess): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^rendercast_datagrams_total\{outcome="refused_handshakes"\} (\d+)$/m.exec(text)?.[1]);
}

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 100 });

const flipLast: Change = (message) => {
  const last = message.length - 1;
  message.writeUInt8(message.readUInt8(last) ^ 1, last);
};
const flipRandom: Change = (hello) => hello.writeUInt8(hello.readUInt8(HEADER + 30) ^ 1, HEADER + 30);
const becomes =
  (type: number): Change =>
  (message) =>
    message.writeUInt8(type);

/** Takes AES-GCM for media out of a ClientHello that has no cookie: only the second is signed. */
const lessInFirst: Change = (hello) => {
  const profiles = hello.indexOf(Buffer.from([0, 14, 0, 7, 0, 4]));
  const hasCookie = hello[HEADER + 35] !== 0;
  if (!hasCookie && profiles >= 0) hello.set([0, 1, 0, 1], profiles + 6);
};

const without = (...messages: ("sendCertificate" | "sendCertificateVerify")[]) =>
  inAnswer((flight) => {
    for (const message of messages) flight[message] = () => undefined;
  });

const otherFinished: Trick = ({ cipher }) => {
  cipher.verifyData = () => Buffer.alloc(12, 7);
};

describe("A viewer of a stream with a token", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer("--view-token", TOKEN, "--trust-this-machine", "on");
  });
  afterAll(() => server.stop());

  async function watch(identity: Identity, trick?: Trick) {
    const viewer = await watchByWhep(`${server.url}/streams/main/whep`, TOKEN, identity, trick);
    ends.push(() => viewer.close());
    return viewer;
  }

  test.each<[string, () => Identity]>([
    ["ECDSA", () => ecdsa],
    ["RSA", () => rsa],
  ])("is sent media once it has proved its certificate's key, by %s", async (_, identity) => {
    const viewer = await watch(identity());
    await eventually(() => expect(viewer.packets()).toBeGreaterThan(30));
    expect(await refusedBy(server)).toBe(0);
  });

  test("never gets two records with the same number, which is their nonce", async () => {
    const records = new Map<number, string>();
    const reused: number[] = [];
    await watch(ecdsa, ({ transport: { socket } }) => {
      const hear = socket.onData.bind(socket);
      socket.onData = (datagram) => {
        const number = datagram.readUIntBE(5, 6);
        const bytes = datagram.toString("latin1");
        if (datagram.readUInt16BE(3) === 1) {
          if ((records.get(number) ?? bytes) !== bytes) reused.push(number);
          records.set(number, bytes);
        }
        hear(datagram);
      };
    });
    await eventually(() => expect(records.size).toBeGreaterThan(20));
    expect(reused).toEqual([]);
  });

  /** Its session is closed and counted, without a packet of media. */
  async function isRefused(identity: Identity, trick?: Trick): Promise<void> {
    const before = await refusedBy(server);
    const viewer = await watch(identity, trick);
    await eventually(async () => expect(await refusedBy(server)).toBe(before + 1));
    expect((await fetch(viewer.session)).status).toBe(404);
    expect(viewer.packets()).toBe(0);
  }

  test("gets nothing with another's certificate and its own key, and is logged", async () => {
    await isRefused(impersonator);
    expect(server.output()).toContain(
      "A WebRTC peer was refused: it does not prove that it has its certificate's key.",
    );
  });

  const signature = HEADER;
  test.each<[string, Trick]>([
    ["a CertificateVerify changed on its way", alter(CERTIFICATE_VERIFY, flipLast).sent],
    [
      "a signature by an algorithm that is not accepted",
      alter(CERTIFICATE_VERIFY, (m) => m.set(SHA1_ECDSA, signature)).sent,
    ],
    [
      "a signature by an algorithm of another key",
      alter(CERTIFICATE_VERIFY, (m) => m.set(SHA256_RSA, signature)).sent,
    ],
    ["a Certificate changed on its way", alter(CERTIFICATE, flipLast).sent],
    ["a key exchange changed on its way", alter(CLIENT_KEY_EXCHANGE, flipLast).sent],
    ["ClientHellos changed on their way", alter(CLIENT_HELLO, flipRandom).sent],
    ["a first ClientHello changed to offer less", alter(CLIENT_HELLO, lessInFirst).sent],
    ["a ServerHello changed on its way", alter(SERVER_HELLO, flipLast).heard],
    ["a Finished of other messages", otherFinished],
    ["an empty Certificate", ({ cipher }) => Object.assign(cipher, { localCert: Buffer.alloc(0) })],
    ["no Certificate", without("sendCertificate")],
    ["no CertificateVerify", without("sendCertificateVerify")],
    ["neither Certificate nor CertificateVerify", without("sendCertificate", "sendCertificateVerify")],
  ])("with %s gets nothing", (_, trick) => isRefused(ecdsa, trick));

  test("gets nothing with the answer of another session", async () => {
    let answer: Buffer[] = [];
    const first = await watch(
      ecdsa,
      inAnswer((flight) => {
        const transmit = flight.transmit.bind(flight);
        flight.transmit = (records) => {
          answer = records;
          return transmit(records);
        };
      }),
    );
    await eventually(() => expect(first.packets()).toBeGreaterThan(0));
    await isRefused(
      ecdsa,
      inAnswer((flight) => {
        const transmit = flight.transmit.bind(flight);
        flight.transmit = () => transmit(answer);
      }),
    );
  });
});

describe("An SFU", () => {
  const ANOTHER_KEY = "does not prove that it has its certificate's key";
  const UNKNOWN = "signs by an algorithm that is not accepted";
  const UNFIT = "signs by an algorithm that does not fit its certificate's key";
  const OTHER_MESSAGES = "has seen other handshake messages than this side";

  /** A signature as it was right in another session: of other randoms. */
  const replayed: Trick = ({ cipher }) => {
    const sign = cipher.generateKeySignature.bind(cipher);
    cipher.generateKeySignature = (hash) => {
      const { remoteRandom } = cipher;
      cipher.remoteRandom = { serialize: () => Buffer.alloc(32) };
      const signed = sign(hash);
      cipher.remoteRandom = remoteRandom;
      return signed;
    };
  };
  const keyExchange = (change: Change) => alter(SERVER_KEY_EXCHANGE, change).sent;
  /** Behind the curve and the point. */
  const algorithm = (values: number[]) =>
    keyExchange((m) => m.set(values, HEADER + 4 + (m[HEADER + 3] ?? 0)));
  const otherPoint: Change = (m) => m.writeUInt8((m[HEADER + 9] ?? 0) ^ 1, HEADER + 9);

  /** Of each: how its refusal is logged, what it shows and what it does otherwise. */
  type Evil = readonly [why: string, identity: () => Identity, trick?: Trick];

  test.each<["server" | "client", string, readonly Evil[]]>([
    [
      "server",
      "or parameters that it did not sign",
      [
        [ANOTHER_KEY, () => impersonator],
        [ANOTHER_KEY, () => ecdsa, keyExchange(flipLast)],
        [ANOTHER_KEY, () => ecdsa, keyExchange(otherPoint)],
        [ANOTHER_KEY, () => ecdsa, replayed],
        [UNKNOWN, () => ecdsa, algorithm(SHA1_ECDSA)],
        [UNFIT, () => ecdsa, algorithm(SHA256_RSA)],
      ],
    ],
    [
      "server",
      "or other messages",
      [
        ["sends message 13 out of order", () => ecdsa, keyExchange(becomes(13))],
        ["sends message 12 out of order", () => ecdsa, alter(CERTIFICATE, becomes(12)).sent],
        [OTHER_MESSAGES, () => ecdsa, otherFinished],
      ],
    ],
    [
      "client",
      "or other messages",
      [
        [ANOTHER_KEY, () => impersonator],
        [ANOTHER_KEY, () => ecdsa, alter(CERTIFICATE_VERIFY, flipLast).sent],
        ["sends message 20 out of order", () => ecdsa, without("sendCertificateVerify")],
        [OTHER_MESSAGES, () => ecdsa, otherFinished],
      ],
    ],
  ])(
    "that is the DTLS %s, with another's certificate %s, is sent nothing, and others go on",
    async (role, _, evil) => {
      const sfus = await Promise.all(evil.map(([, identity, trick]) => startSfu(role, identity(), trick)));
      const honest = await Promise.all([startSfu(role, ecdsa), startSfu("server", rsa)]);
      for (const sfu of [...sfus, ...honest]) ends.push(() => sfu.close());
      const targets = [...sfus, ...honest].map(({ target }) => target).join(",");
      const server = await startServer("--forward-renditions", "1", "--forward", targets);
      ends.push(() => server.stop());
      await eventually(() => {
        for (const [n, { host }] of sfus.entries())
          expect(server.output()).toContain(`Forwarding main to ${host} has ended: it ${evil[n]?.[0]}.`);
        for (const sfu of honest) expect(sfu.packets()).toBeGreaterThan(30);
      });
      expect(sfus.map((sfu) => sfu.packets())).toEqual(evil.map(() => 0));
      expect(await refusedBy(server)).toBeGreaterThanOrEqual(evil.length);
    },
  );
});
