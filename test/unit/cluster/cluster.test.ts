import { expect, test, vi } from "vitest";
import { Cluster } from "../../../src/cluster/cluster.ts";
import type { Message } from "../../../src/cluster/messages.ts";
import { RemoteError } from "../../../src/cluster/remote-stream.ts";
import type { StreamInfo } from "../../../src/shared/protocol.ts";
import type { ViewerSession, WatchableStream } from "../../../src/signaling/watching.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const clock = () => new FakeClock();
const infoOf = (name: string): StreamInfo => ({
  name,
  source: "a publisher",
  state: { kind: "live", since: 1, run: 1 },
  width: 480,
  height: 270,
  fps: 20,
  viewers: 0,
});

const KEY = "k".repeat(43);

/** A third server's announcement. */
const here = (changes: object = {}) => ({
  ...{ kind: "here", from: "c", url: "http://c.example:8080", key: KEY, now: 1 },
  ...{ streams: [{ info: infoOf("x"), claim: "now" }], ...changes },
});

/** Connects servers: each message reaches all others, as JSON, while the hub is open. */
class Hub {
  open = true;
  readonly #all: ((message: unknown) => void)[] = [];

  wire() {
    const hub = this;
    let own: (message: unknown) => void;
    return {
      get connected() {
        return hub.open;
      },
      send: (message: Message) => hub.say(message, own),
      listen: (hear: (message: unknown) => void) => {
        own = hear;
        hub.#all.push(hear);
      },
    };
  }

  say(message: unknown, but?: (message: unknown) => void) {
    const text = JSON.stringify(message);
    if (this.open) for (const hear of this.#all) if (hear !== but) hear(JSON.parse(text));
  }
}

/** A server with streams of these names. */
function server(hub: Hub, time: FakeClock, self: string, ...names: string[]) {
  const viewers: {
    address: string;
    left: boolean;
    keyframes: number;
    latency: number;
    gone: (reason: string) => void;
  }[] = [];
  const stream: WatchableStream = {
    async watch(offer, address, gone): Promise<ViewerSession> {
      if (offer === "bad") throw new RemoteError("no-common-codec", "It has none.");
      const viewer = { address, left: false, keyframes: 0, latency: 0, gone };
      viewers.push(viewer);
      return {
        id: `${self}-${viewers.length}`,
        answer: `to ${offer}`,
        restart: async (again) => `again to ${again}`,
        keyframe: () => {
          viewer.keyframes++;
        },
        latency: (milliseconds) => {
          viewer.latency = milliseconds;
        },
        leave: () => {
          viewer.left = true;
        },
      };
    },
  };
  const own = new Set(names);
  const cluster = new Cluster({
    clock: time,
    self,
    url: `http://${self}.example:8080`,
    key: KEY,
    wire: hub.wire(),
    find: (name) => (own.has(name) ? stream : undefined),
    own: () => [...own].map((name) => ({ info: infoOf(name), claim: "now" as const })),
    refusal: (error) =>
      error instanceof RemoteError ? { code: error.code, message: error.message } : undefined,
    log: () => {},
  });
  return { cluster, own, viewers };
}

function two() {
  const [hub, time] = [new Hub(), clock()];
  const a = server(hub, time, "a", "film");
  const b = server(hub, time, "b");
  const film = () => {
    const found = b.cluster.find("film");
    if (!found) throw new Error("no film");
    return found;
  };
  return { hub, time, a, b, film };
}

test("a server knows another's streams at once, and its changes within 300 ms", async () => {
  const { time, a, b, film } = two();
  expect(film().info()).toEqual(infoOf("film"));
  expect(film().peer.url).toBe("http://a.example:8080");
  a.own.add("arm");
  a.own.delete("film");
  await time.advance(300);
  expect(b.cluster.all().map(({ name }) => name)).toEqual(["arm"]);
  a.cluster.close();
  expect(b.cluster.all()).toEqual([]);
});

test("a silent server is forgotten and its viewers' sessions end, but not while the connection to all is lost", async () => {
  const { hub, time, film, b, a } = two();
  const ended = vi.fn();
  await film().watch("an offer", "192.0.2.1", ended);
  hub.open = false;
  await time.advance(60_000);
  expect(film().name).toBe("film");
  expect(a.viewers[0]?.left).toBe(false);
  hub.open = true;
  await time.advance(6000);
  expect(film().name).toBe("film");
  // Server a stops without a message.
  a.cluster.close = () => {};
  hub.say = () => {};
  await time.advance(6000);
  expect(b.cluster.find("film")).toBeUndefined();
  expect(ended).toHaveBeenCalledOnce();
  // Server a also ends the sessions of viewers at a server it no longer hears.
  expect(a.viewers[0]?.left).toBe(true);
});

test("a viewer at one server watches a stream of another, and its requests are forwarded", async () => {
  const { a, film } = two();
  const ended = vi.fn();
  const watched = await film().watch("an offer", "192.0.2.1", ended);
  expect(watched).toMatchObject({ id: "a-1", answer: "to an offer" });
  expect(a.viewers[0]?.address).toBe("192.0.2.1");
  expect(await watched.restart("another")).toBe("again to another");
  watched.keyframe();
  watched.latency(31);
  expect(a.viewers[0]).toMatchObject({ keyframes: 1, latency: 31 });
  watched.leave();
  expect(a.viewers[0]?.left).toBe(true);
  expect(ended).not.toHaveBeenCalled();
});

test("the end of a session and a refusal at the other server are passed on", async () => {
  const { a, film } = two();
  const ended = vi.fn();
  await film().watch("an offer", "192.0.2.1", ended);
  a.viewers[0]?.gone("the stream was closed");
  expect(ended).toHaveBeenCalledExactlyOnceWith("the stream was closed");
  await expect(film().watch("bad", "192.0.2.1", ended)).rejects.toMatchObject({ code: "no-common-codec" });
});

test("frames are timed by the clock of the server that has the stream", async () => {
  const { time, film } = two();
  expect(await film().clock()).toBe(time.now());
});

test("a request without an answer fails after a timeout, and its session is ended", async () => {
  const { hub, time, film, a } = two();
  const say = hub.say.bind(hub);
  hub.say = (message, but) => {
    if ((message as Message).kind !== "answer") say(message, but);
  };
  const watching = expect(film().watch("an offer", "192.0.2.1", () => {})).rejects.toMatchObject({
    code: "failed",
    message: expect.stringMatching(/does not answer: try again later\.$/),
  });
  await time.advance(6000);
  await watching;
  expect(a.viewers[0]?.left).toBe(true);
});

test("a request without a connection fails at once", async () => {
  const { hub, film } = two();
  hub.open = false;
  await expect(film().watch("an offer", "192.0.2.1", () => {})).rejects.toMatchObject({ code: "failed" });
});

test("a third server joins with its announcement", () => {
  const { hub, b } = two();
  hub.say(here());
  expect(b.cluster.all().map(({ name }) => name)).toEqual(["film", "x"]);
});

test("servers are recognised by the addresses that they announce", () => {
  const { hub, b } = two();
  hub.say(here({ url: "http://10.0.0.7:8080" }));
  hub.say(here({ from: "d", url: "http://[fd00::7]:8080" }));
  const known = ["10.0.0.7", "::ffff:10.0.0.7", "fd00::7", "10.0.0.8", ""].map((ip) => b.cluster.isAt(ip));
  expect(known).toEqual([true, true, true, false, false]);
});

test.each<[string, unknown]>([
  ["no content", null],
  ["only a string", "here"],
  ["no sender", here({ from: undefined })],
  ["another protocol", here({ url: "file:///etc/passwd" })],
  ["the path of a service", here({ url: "http://169.254.169.254/latest/" })],
  ["an address with a password", here({ url: "http://user:pass@c.example" })],
  ["no key", here({ key: undefined })],
  ["an invalid key", here({ key: "short" })],
  ["too long a name", here({ streams: [{ info: infoOf("x".repeat(65)), claim: "now" }] })],
  ["a name with a path", here({ streams: [{ info: infoOf("x/../y"), claim: "now" }] })],
  ["too many streams", here({ streams: Array(300).fill({ info: infoOf("x"), claim: "now" }) })],
  ["an unknown kind", { kind: "stop", from: "c" }],
  [
    "an answer to no request",
    { kind: "answer", from: "a", to: "b", number: 0, reply: { ok: true, value: {} } },
  ],
  ["the end of an unknown session", { kind: "ended", from: "z", to: "b", session: "s", reason: "r" }],
  ["an offer to another server", { kind: "ask", from: "z", to: "c", number: 1, request: { do: "watch" } }],
])("a message with %s has no effect", (_, message) => {
  const { hub, b } = two();
  hub.say(message);
  expect(b.cluster.all().map(({ name }) => name)).toEqual(["film"]);
});

test("closing leaves no timer", async () => {
  const { a, b, time } = two();
  a.cluster.close();
  b.cluster.close();
  expect(time.timers).toBe(0);
});
