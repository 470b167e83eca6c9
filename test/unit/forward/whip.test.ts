import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WhipForward } from "../../../src/forward/whip.ts";
import type { Codec, EncodedFrame } from "../../../src/media/frame.ts";
import { HandshakeRefusals } from "../../../src/transport/dtls/refusals.ts";
import type {
  PublishingPeerEvents,
  PublishingPeerOptions,
} from "../../../src/transport/werift/publishing-peer.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { encodedFrame } from "../../helpers/fakes.ts";

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly token: string | null;
  readonly body: unknown;
}

/** A publishing peer that the test connects and closes. */
class FakePublisher {
  readonly codec: Codec;
  readonly local: boolean;
  readonly renditions: number;
  readonly events: PublishingPeerEvents;
  readonly sent: EncodedFrame[] = [];
  answer: string | undefined;
  closed = false;

  constructor(
    _clock: unknown,
    { codec, local, renditions }: PublishingPeerOptions,
    events: PublishingPeerEvents,
  ) {
    this.codec = codec;
    this.local = local;
    this.renditions = renditions;
    this.events = events;
    publishers.push(this);
  }

  async offer(): Promise<string> {
    return `offer of ${this.codec}${this.renditions > 1 ? `, ${this.renditions} renditions` : ""}`;
  }

  async accept(answer: string): Promise<void> {
    this.answer = answer;
  }

  send(frame: EncodedFrame): void {
    this.sent.push(frame);
  }

  close(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.events.closed(reason);
  }
}

const URL_OF_ENDPOINT = "https://sfu.example/whip/a-secret-path";

let clock: FakeClock;
let publishers: FakePublisher[];
let asked: Asked[];
let logged: string[];
/** The levels for which a keyframe was requested. */
let keyframes: number[];
/** The levels that a lack of capacity moved it to. */
let moves: number[];
let takers: Map<(frame: EncodedFrame) => void, { codec: Codec; levels: readonly number[] }>;
/** What the endpoint answers the next offer. */
let respond: () => Response;
let forward: WhipForward;

beforeEach(() => {
  clock = new FakeClock();
  publishers = [];
  asked = [];
  logged = [];
  keyframes = [];
  moves = [];
  takers = new Map();
  respond = () => created();
});
afterEach(async () => {
  await forward.close();
  expect(clock.timers).toBe(0);
  expect(takers.size).toBe(0);
});

const created = (answer = "an answer") =>
  new Response(answer, { status: 201, headers: { Location: "/sessions/1" } });

async function begin({ codecs = ["vp8", "h264"] as readonly Codec[], renditions = 1 } = {}): Promise<void> {
  forward = new WhipForward({
    clock,
    codecs,
    renditions,
    url: URL_OF_ENDPOINT,
    token: "the-token",
    stream: {
      name: "main",
      forward: (codec, levels, take) => {
        takers.set(take, { codec, levels });
        return {
          requestKeyframe: (level) => keyframes.push(level),
          move: (level) => moves.push(level),
          stop: () => takers.delete(take),
        };
      },
    },
    handshakes: new HandshakeRefusals(clock, () => {}),
    log: (line) => logged.push(line),
    fetch: async (url, { method = "", headers, body } = {}) => {
      asked.push({ method, url: String(url), token: new Headers(headers).get("authorization"), body });
      return method === "POST" ? respond() : new Response();
    },
    newPeer: (...all) => new FakePublisher(...all),
  });
  await clock.advance(0);
}

const offers = () => asked.filter(({ method }) => method === "POST").map(({ body }) => body);

test("offers the stream, encodes it once connected, and deletes the session when closed", async () => {
  await begin();
  expect(asked).toEqual([
    { method: "POST", url: URL_OF_ENDPOINT, token: "Bearer the-token", body: "offer of vp8" },
  ]);
  const [publisher] = publishers;
  expect(publisher).toMatchObject({ answer: "an answer", local: false });
  expect(takers.size).toBe(0);
  publisher?.events.connected();
  const frame = encodedFrame(1, clock.now());
  for (const [take, what] of takers) {
    expect(what).toEqual({ codec: "vp8", levels: [0] });
    take(frame);
  }
  expect(publisher?.sent).toEqual([frame]);
  publisher?.events.keyframeNeeded(0);
  expect(keyframes).toEqual([0]);
  await forward.close();
  expect(asked.at(-1)).toMatchObject({
    method: "DELETE",
    url: "https://sfu.example/sessions/1",
    token: "Bearer the-token",
  });
  expect(takers.size).toBe(0);
});

test("takes the rendition that its uplink carries", async () => {
  await begin();
  publishers[0]?.events.connected();
  publishers[0]?.events.wants(2);
  publishers[0]?.events.keyframeNeeded(2);
  expect([moves, keyframes]).toEqual([[2], [2]]);
});

test.each(["https://evil.example/sessions/1", "http://sfu.example/sessions/1", "http://127.0.0.1/admin"])(
  "sends nothing, and so no token, to a session at another server, %s",
  async (session) => {
    respond = () => new Response("an answer", { status: 201, headers: { Location: session } });
    await begin();
    publishers[0]?.events.connected();
    await forward.close();
    expect(asked.map(({ method }) => method)).toEqual(["POST"]);
  },
);

test("connects again after the session ends, with back-off while that fails", async () => {
  await begin();
  respond = () => new Response(null, { status: 500 });
  publishers[0]?.close("DTLS closed");
  // The delay doubles from 1 second up to 30.
  for (const [wait, count] of [
    [1000, 2],
    [2000, 3],
    [4000, 4],
    [8000, 5],
    [16_000, 6],
    [30_000, 7],
    [30_000, 8],
  ] as const) {
    await clock.advance(wait - 1);
    expect(offers()).toHaveLength(count - 1);
    await clock.advance(1);
    expect(offers()).toHaveLength(count);
  }
  respond = () => created();
  await clock.advance(30_000);
  publishers.at(-1)?.events.connected();
  await clock.advance(60_000);
  publishers.at(-1)?.close("it closed the connection");
  await clock.advance(1000);
  expect(offers()).toHaveLength(10);
});

test("waits as long as Retry-After says", async () => {
  respond = () => new Response(null, { status: 503, headers: { "Retry-After": "7" } });
  await begin();
  await clock.advance(6999);
  expect(offers()).toHaveLength(1);
  await clock.advance(1);
  expect(offers()).toHaveLength(2);
});

test.each([
  ["by its answer", () => created("v=0\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\n")],
  ["by its status", () => new Response(null, { status: 406 })],
])("offers the next codec if one is refused %s", async (_, refuse) => {
  respond = refuse;
  await begin();
  respond = () => created();
  await clock.advance(1000);
  expect(offers()).toEqual(["offer of vp8", "offer of h264"]);
  expect(publishers.at(-1)?.answer).toBe("an answer");
});

test("logs each change once, without paths and tokens", async () => {
  respond = () => new Response(null, { status: 401 });
  await begin();
  await clock.advance(10_000);
  expect(logged).toEqual(["Forwarding main to sfu.example does not work: it answers with the status 401."]);
  respond = () => created();
  await clock.advance(30_000);
  publishers.at(-1)?.events.connected();
  publishers.at(-1)?.close("DTLS closed");
  await clock.advance(0);
  expect(logged.slice(1)).toEqual([
    "Forwarding main to sfu.example is published, as VP8.",
    "Forwarding main to sfu.example has ended: DTLS closed.",
  ]);
});

test("gives up on an answer that is too long", async () => {
  respond = () => created("x".repeat(1024 * 1024));
  await begin();
  expect(logged).toEqual(["Forwarding main to sfu.example does not work: its answer is too long."]);
});

describe("simulcast", () => {
  const accepts = (list: string) =>
    ["v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=rid:f recv", "a=rid:h recv", "a=rid:q recv", list, ""].join(
      "\r\n",
    );

  test("sends the renditions that the answer accepts, and requests keyframes for each", async () => {
    respond = () => created(accepts("a=simulcast:recv f;~h;q"));
    await begin({ renditions: 3 });
    expect(offers()).toEqual(["offer of vp8, 3 renditions"]);
    publishers[0]?.events.connected();
    expect([...takers.values()]).toEqual([{ codec: "vp8", levels: [0, 4] }]);
    publishers[0]?.events.keyframeNeeded(4);
    expect(keyframes).toEqual([4]);
    expect(logged).toEqual(["Forwarding main to sfu.example is published, as VP8, in 2 renditions."]);
  });

  test.each([
    ["does not answer it", () => created("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n")],
    ["pauses all renditions", () => created(accepts("a=simulcast:recv ~f;~h;~q"))],
    ["refuses the offer", () => new Response(null, { status: 400 })],
  ])("falls back to one rendition for good with an endpoint that %s", async (_, answer) => {
    respond = () => {
      respond = () => created();
      return answer();
    };
    await begin({ renditions: 3 });
    expect(offers()).toEqual(["offer of vp8, 3 renditions", "offer of vp8"]);
    publishers.at(-1)?.events.connected();
    expect([...takers.values()]).toEqual([{ codec: "vp8", levels: [0] }]);
    publishers.at(-1)?.close("DTLS closed");
    await clock.advance(1000);
    expect(offers().at(-1)).toBe("offer of vp8");
    expect(logged[0]).toBe("Forwarding main to sfu.example is published, as VP8.");
  });
});
