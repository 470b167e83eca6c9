import { beforeEach, describe, expect, test } from "vitest";
import type { Reply, SessionAnswer } from "../../../src/shared/protocol.ts";
import { type Restartable, Restarts } from "../../../web/player/webrtc/restarts.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

let timers: FakeClock;
let restarts: Restarts;
/** What was done to the connection, in order. */
let steps: string[];
let state: RTCPeerConnectionState;
let failures: number;
/** The server's reply to an offer. */
let reply: (offer: string) => Promise<Reply<SessionAnswer>>;

const answered = async (offer: string) => ({ ok: true, value: { answer: `answer to ${offer}` } }) as const;

beforeEach(() => {
  timers = new FakeClock();
  steps = [];
  state = "connected";
  failures = 0;
  reply = answered;
  let offers = 0;
  const connection: Restartable = {
    get connectionState() {
      return state;
    },
    setConfiguration: ({ iceServers }) => void steps.push(`by ${JSON.stringify(iceServers)}`),
    restartIce: () => void steps.push("restartIce"),
    createOffer: async () => ({ type: "offer", sdp: `offer ${++offers}` }),
    setLocalDescription: async ({ sdp = "" }) => void steps.push(sdp),
    setRemoteDescription: async ({ sdp = "" }) => {
      if (sdp === "nonsense") throw new Error("no session description");
      steps.push(sdp);
    },
  };
  restarts = new Restarts({
    timers,
    connection,
    restart: (offer) => {
      steps.push(`sent ${offer}`);
      return reply(offer);
    },
    failed: () => failures++,
  });
});

const first = ["restartIce", "sent offer 1", "offer 1", "answer to offer 1"];

describe("a change of network", () => {
  test("restarts ICE with a new offer, applied once it is answered", async () => {
    restarts.networkChanged();
    await timers.advance(10_000);
    expect(steps).toEqual(first);
    expect(failures).toBe(0);
    expect(timers.timers).toBe(0);
  });

  test("uses the ICE servers of the answer before it gathers candidates", async () => {
    const server = { urls: "turn:turn.example", username: "1795373600:a", credential: "b" };
    reply = async () => ({ ok: true, value: { answer: "answer", iceServers: [server] } });
    restarts.networkChanged();
    await timers.advance(10_000);
    expect(steps).toEqual([
      "restartIce",
      "sent offer 1",
      `by ${JSON.stringify([server])}`,
      "offer 1",
      "answer",
    ]);
  });

  test("reported several times at once causes one restart", async () => {
    for (let n = 0; n < 5; n++) {
      restarts.networkChanged();
      await timers.advance(100);
    }
    await timers.advance(10_000);
    expect(steps).toEqual(first);
  });

  test("reported again and again causes a restart every two seconds, within the server's limit", async () => {
    const sent: number[] = [];
    reply = (offer) => {
      sent.push(timers.now());
      return answered(offer);
    };
    for (let n = 0; n < 4; n++) {
      restarts.networkChanged();
      await timers.advance(n === 0 ? 500 : 2000);
    }
    expect(sent.map((at) => at - (sent[0] ?? 0))).toEqual([0, 2000, 4000, 6000]);
  });

  test("reported during a restart waits for its end", async () => {
    let arrive: (() => void) | undefined;
    reply = async (offer) => {
      await new Promise<void>((resolve) => {
        arrive = resolve;
      });
      return answered(offer);
    };
    restarts.networkChanged();
    await timers.advance(500);
    restarts.networkChanged();
    await timers.advance(20_000);
    expect(steps).toEqual(first.slice(0, 2));
    reply = answered;
    arrive?.();
    await timers.advance(20_000);
    expect(steps).toEqual([...first, "restartIce", "sent offer 2", "offer 2", "answer to offer 2"]);
  });
});

describe("a restart", () => {
  test("that is refused fails at once, although the connection seems to work", async () => {
    reply = async () => ({ ok: false, code: "not-watching", message: "There is none." });
    restarts.networkChanged();
    await timers.advance(500);
    expect(failures).toBe(1);
    expect(steps).toEqual(first.slice(0, 2));
    expect(timers.timers).toBe(0);
  });

  test("with an invalid answer fails at once", async () => {
    reply = async () => ({ ok: true, value: { answer: "nonsense" } });
    restarts.networkChanged();
    await timers.advance(500);
    expect(failures).toBe(1);
    expect(timers.timers).toBe(0);
  });

  test("of a lost connection that is not answered is tried again, until one is or the connection is back", async () => {
    state = "disconnected";
    reply = () => new Promise((_, reject) => timers.after(5000, () => reject(new Error("timeout"))));
    restarts.networkChanged();
    await timers.advance(20_000);
    const sent = () => steps.filter((step) => step.startsWith("sent")).length;
    expect(sent()).toBe(4);
    expect(failures).toBe(0);
    state = "connected";
    await timers.advance(20_000);
    expect(sent()).toBe(4);
    expect(timers.timers).toBe(0);
  });

  test("without an answer leaves a working connection as it is, and the next may succeed", async () => {
    reply = () => Promise.reject(new Error("timeout"));
    restarts.networkChanged();
    await timers.advance(10_000);
    expect(failures).toBe(0);
    expect(steps).toEqual(first.slice(0, 2));
    reply = answered;
    restarts.networkChanged();
    await timers.advance(500);
    expect(steps.slice(2)).toEqual(["restartIce", "sent offer 2", "offer 2", "answer to offer 2"]);
  });

  test("may take three seconds from the answer to the connection", async () => {
    state = "disconnected";
    reply = (offer) => new Promise((resolve) => timers.after(2900, () => resolve(answered(offer))));
    restarts.networkChanged();
    await timers.advance(500 + 2900);
    expect(steps).toEqual(first);
    state = "connecting";
    await timers.advance(2999);
    expect(failures).toBe(0);
    await timers.advance(1);
    expect(failures).toBe(1);
  });

  test("that connects in time has not failed", async () => {
    state = "disconnected";
    restarts.networkChanged();
    await timers.advance(3000);
    state = "connected";
    await timers.advance(10_000);
    expect(failures).toBe(0);
  });

  test("of a connection that is closed meanwhile ends without an event", async () => {
    reply = (offer) => new Promise((resolve) => timers.after(100, () => resolve(answered(offer))));
    restarts.networkChanged();
    await timers.advance(550);
    restarts.close();
    restarts.networkChanged();
    await timers.advance(10_000);
    expect(steps).toEqual(first.slice(0, 2));
    expect(failures).toBe(0);
    expect(timers.timers).toBe(0);
  });
});
