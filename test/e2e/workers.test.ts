import { Session } from "node:inspector";
import { Worker } from "node:worker_threads";
import wrtc from "@roamhq/wrtc";
import { io, type Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { readConfig } from "../../src/config/config.ts";
import { type Rendercast, startRendercast } from "../../src/rendercast.ts";
import type { Reply } from "../../src/shared/protocol.ts";
import { LocalAudience } from "../../src/transport/audience/audience.ts";
import { plainIo } from "../../src/transport/io/plain.ts";
import { RtcPort } from "../../src/transport/port/port.ts";
import { WorkerPool } from "../../src/transport/workers/pool.ts";
import { encodedFrame, FakeViewer } from "../helpers/fakes.ts";

const eventually = (check: () => void | Promise<void>) =>
  vi.waitFor(check, { timeout: 20_000, interval: 50 });

let here: Rendercast | undefined;
const lines: string[] = [];
/** Those that send video; others draw, or are libraries'. */
const senders: Worker[] = [];
const noteThread = (thread: Worker) => {
  if (thread.threadName === "rendercast media") senders.push(thread);
};

async function start(...options: string[]): Promise<Rendercast> {
  const command = readConfig(["--port", "0", "--fps", "10", ...options], {});
  if (!("run" in command)) throw new Error("no configuration");
  here = await startRendercast(command.run, (line) => lines.push(line));
  return here;
}

/** A viewer by libwebrtc. */
class Player {
  readonly socket: Socket;
  #peer = new wrtc.RTCPeerConnection();
  frames = 0;
  ends: string[] = [];

  constructor(port: number) {
    this.socket = io(`http://localhost:${port}`, { transports: ["websocket"] });
    this.socket.on("ended", (reason: string) => this.ends.push(reason));
  }

  async watch(): Promise<Reply<{ answer: string }>> {
    this.#peer.close();
    this.#peer = new wrtc.RTCPeerConnection();
    this.frames = 0;
    this.#peer.ontrack = ({ track }) => {
      const sink = new wrtc.nonstandard.RTCVideoSink(track);
      sink.onframe = () => this.frames++;
    };
    this.#peer.addTransceiver("video", { direction: "recvonly" });
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    const request = { stream: "main", offer: this.#peer.localDescription?.sdp };
    const reply: Reply<{ answer: string }> = await this.socket.emitWithAck("watch", request);
    if (reply.ok) await this.#peer.setRemoteDescription({ type: "answer", sdp: reply.value.answer });
    return reply;
  }

  close(): void {
    this.#peer.close();
    this.socket.close();
  }
}

const players: Player[] = [];

async function join({ port }: Rendercast): Promise<Player> {
  const player = new Player(port);
  players.push(player);
  expect(await player.watch()).toMatchObject({ ok: true });
  return player;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://localhost:${here?.port}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
}

/** Makes each worker thread run an endless loop, by the debugger's means. */
async function hangThreads(): Promise<void> {
  const session = new Session();
  session.connect();
  const hung = new Promise<void>((resolve) => {
    session.on("NodeWorker.attachedToWorker", ({ params: { sessionId, workerInfo } }) => {
      if (!workerInfo.title.includes("rendercast media") && !workerInfo.url.includes("workers/thread"))
        return;
      const message = JSON.stringify({
        id: 1,
        method: "Runtime.evaluate",
        params: { expression: "setTimeout(() => { for (;;); })" },
      });
      session.post("NodeWorker.sendMessageToWorker", { sessionId, message });
    });
    session.on("NodeWorker.receivedMessageFromWorker", () => resolve());
  });
  session.post("NodeWorker.enable", { waitForDebuggerOnStart: false });
  await hung;
  session.post("NodeWorker.disable");
  session.disconnect();
}

beforeEach(() => {
  process.on("worker", noteThread);
});
afterEach(async () => {
  process.off("worker", noteThread);
  for (const player of players.splice(0)) player.close();
  await here?.close();
  here = undefined;
  lines.length = 0;
  senders.length = 0;
});

describe("viewers in worker threads", () => {
  test("play, are counted, and leave", async () => {
    const server = await start("--workers", "1");
    const [one, other] = [await join(server), await join(server)];
    await eventually(() => expect(Math.min(one.frames, other.frames)).toBeGreaterThan(20));
    expect(senders).toHaveLength(1);
    expect(server.broadcast.viewers).toBe(2);
    expect(await metric('rendercast_datagrams_total\\{outcome="sent"\\}')).toBeGreaterThan(40);
    one.close();
    await eventually(() => expect(server.broadcast.viewers).toBe(1));
    other.close();
    await eventually(() => expect(server.broadcast.viewers).toBe(0));
  });

  test("a bad offer is refused in the same words", async () => {
    const server = await start("--workers", "1");
    const player = new Player(server.port);
    players.push(player);
    const request = { stream: "main", offer: "v=0\r\nm=audio 9 RTP/AVP 0\r\n" };
    expect(await player.socket.emitWithAck("watch", request)).toMatchObject({
      ok: false,
      code: "bad-request",
      message: "The offer is not a session description with video.",
    });
  });

  test("learn at once when their thread dies, and reconnect to another", async () => {
    const server = await start("--workers", "1");
    const [one, other] = [await join(server), await join(server)];
    await eventually(() => expect(Math.min(one.frames, other.frames)).toBeGreaterThan(5));
    await senders[0]?.terminate();
    await eventually(() => expect(one.ends.length * other.ends.length).toBe(1));
    expect(server.broadcast.viewers).toBe(0);
    for (const player of [one, other]) expect(await player.watch()).toMatchObject({ ok: true });
    await eventually(() => expect(Math.min(one.frames, other.frames)).toBeGreaterThan(5));
    expect(senders).toHaveLength(2);
    expect(lines.filter((line) => line.includes("its viewers will reconnect"))).toHaveLength(1);
  });

  test("one that joins while the thread dies learns it, or plays", async () => {
    const server = await start("--workers", "1");
    const player = new Player(server.port);
    players.push(player);
    const watched = player.watch();
    await eventually(() => expect(senders).toHaveLength(1));
    await senders[0]?.terminate();
    const reply = await watched;
    // It may have come after that: then it has the main thread, and plays.
    if (reply.ok) await eventually(() => expect(player.ends.length + player.frames).toBeGreaterThan(0));
    expect(await player.watch()).toMatchObject({ ok: true });
    await eventually(() => expect(player.frames).toBeGreaterThan(5));
  });

  test("learn when their thread hangs and reconnect to another; new viewers play meanwhile", async () => {
    const server = await start("--workers", "1");
    const stuck = await join(server);
    await eventually(() => expect(stuck.frames).toBeGreaterThan(5));
    await hangThreads();
    const other = new Player(server.port);
    players.push(other);
    const watched = other.watch();
    await eventually(() => expect(stuck.ends).toEqual(["failed"]));
    expect(lines.filter((line) => line.includes("did not respond for"))).toHaveLength(1);
    expect(await watched).toMatchObject({ ok: true });
    expect(await stuck.watch()).toMatchObject({ ok: true });
    await eventually(() => expect(Math.min(stuck.frames, other.frames)).toBeGreaterThan(5));
    expect(senders).toHaveLength(2);
  });

  test("are spread across threads, and all get every frame", async () => {
    const server = await start("--workers", "2", "--size", "160x90");
    const all: Player[] = [];
    for (let n = 0; n < 18; n++) all.push(await join(server));
    await eventually(() => expect(Math.min(...all.map(({ frames }) => frames))).toBeGreaterThan(10));
    expect(senders).toHaveLength(2);
    expect(server.broadcast.viewers).toBe(18);
  });
});

test("the main thread sends if no worker thread can run", async () => {
  const port = await RtcPort.open({ clock: systemClock, io: plainIo, host: "127.0.0.1", port: 0 });
  const said: string[] = [];
  const pool = new WorkerPool({
    clock: systemClock,
    port,
    maxWorkers: 2,
    setup: { playoutDelay: true, codecs: ["vp8"] },
    newThread: () => new Worker(new URL(`data:text/javascript,throw new Error("no threads today")`)),
    log: (line) => said.push(line),
  });
  const viewers: FakeViewer[] = [];
  const audience = pool.audience(
    new LocalAudience(systemClock, async (answer, events) => {
      const viewer = new FakeViewer(events);
      viewers.push(viewer);
      return { answer, viewer };
    }),
  );
  await eventually(() =>
    expect(said.at(-1)).toBe("No worker thread can start now; the main thread sends the video."),
  );
  expect(said[0]).toContain("no threads today");
  const events = {
    connected() {},
    keyframeNeeded() {},
    wants() {},
    moved() {},
    received() {},
    reached() {},
    closed() {},
  };
  expect(await audience.admit("offer", events)).toMatchObject({ answer: "offer" });
  viewers[0]?.events.connected();
  expect(await audience.send(encodedFrame(1, systemClock.now()))).toMatchObject({ packets: 1 });
  expect(viewers[0]?.frames).toHaveLength(1);
  await pool.close();
  port.close();
});
