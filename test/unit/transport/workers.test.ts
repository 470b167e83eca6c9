import { beforeEach, describe, expect, test } from "vitest";
import type { Clock } from "../../../src/base/clock.ts";
import { LocalAudience } from "../../../src/transport/audience/audience.ts";
import type { Audience, ViewerEvents } from "../../../src/transport/audience/viewer.ts";
import type { Registration } from "../../../src/transport/port/port.ts";
import { Heartbeat } from "../../../src/transport/workers/heartbeat.ts";
import type { MediaThread } from "../../../src/transport/workers/media-worker.ts";
import type { WorkerOrder, WorkerReport } from "../../../src/transport/workers/messages.ts";
import { WorkerPool } from "../../../src/transport/workers/pool.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { encodedFrame, FakeViewer } from "../../helpers/fakes.ts";

/** A thread that answers every order unless it hangs. */
class FakeThread implements MediaThread {
  readonly orders: WorkerOrder[] = [];
  hangs = false;
  terminated = false;
  #report: (report: WorkerReport) => void = () => {};
  #exit: () => void = () => {};
  readonly #untaken: WorkerOrder[] = [];

  on(event: string, take: ((report: WorkerReport) => void) | ((error: Error) => void)): void {
    if (event === "message") this.#report = take as (report: WorkerReport) => void;
    if (event === "exit") this.#exit = take as () => void;
  }

  postMessage(order: WorkerOrder): void {
    this.orders.push(order);
    if (this.hangs) this.#untaken.push(order);
    else this.#answer(order);
  }

  tell(report: WorkerReport): void {
    this.#report(report);
  }

  /** Handles the orders that it got while it hung. */
  goOn(): void {
    this.hangs = false;
    for (const order of this.#untaken.splice(0)) this.#answer(order);
  }

  async terminate(): Promise<void> {
    this.terminated = true;
  }

  die(): void {
    this.#exit();
  }

  ref(): void {}
  unref(): void {}

  #answer(order: WorkerOrder): void {
    if (order.kind === "beat") this.tell({ kind: "beat" });
    if (order.kind === "admit" || order.kind === "restart") {
      const { viewer } = order;
      this.tell({ kind: "answered", viewer, answer: "by a thread", codec: "vp8" });
    }
    if (order.kind === "frame") {
      const { audience } = order;
      const counters = {
        packets: 0,
        repairs: 0,
        parity: 0,
        refusedRtcp: 0,
        refusedSctp: 0,
        refusedHandshakes: 0,
        dropped: 0,
      };
      this.tell({ kind: "sent", audience, rendition: "vp8/0", packets: 3, at: clock.now(), counters });
    }
    if (order.kind === "end") this.die();
  }
}

let clock: FakeClock;
let threads: FakeThread[];
let said: string[];
/** Called with each thread that is started. */
let begin: (thread: FakeThread) => void;

beforeEach(() => {
  clock = new FakeClock();
  threads = [];
  said = [];
  begin = (thread) => thread.tell({ kind: "ready" });
});

const registration: Registration = { accept() {}, handshakeDone() {}, heard() {}, close() {} };

async function open(most = 1): Promise<{ pool: WorkerPool; audience: Audience; here: FakeViewer[] }> {
  const pool = new WorkerPool({
    clock,
    port: { candidates: () => [], register: () => registration },
    maxWorkers: most,
    setup: { playoutDelay: true, codecs: ["vp8"] },
    newThread: () => {
      const thread = new FakeThread();
      threads.push(thread);
      setImmediate(() => begin(thread));
      return thread;
    },
    log: (line) => said.push(line),
  });
  const here: FakeViewer[] = [];
  const local = new LocalAudience(clock, async (_, events) => {
    const viewer = new FakeViewer(events);
    here.push(viewer);
    return { answer: "by the main thread", viewer };
  });
  await clock.advance(0);
  return { pool, audience: pool.audience(local), here };
}

/** A viewer's events, and their arguments. */
function watcher() {
  const told = { keyframes: 0, ends: [] as string[] };
  const events: ViewerEvents = {
    connected() {},
    keyframeNeeded: () => told.keyframes++,
    wants() {},
    moved() {},
    received() {},
    reached() {},
    closed: (reason) => told.ends.push(reason),
  };
  return { told, events };
}

const frame = (type: "key" | "delta") => ({ ...encodedFrame(1, clock.now()), type });
const framesOf = (thread: FakeThread | undefined) =>
  thread?.orders.flatMap((order) => (order.kind === "frame" ? [order.frame.type] : []));

describe("a thread that hangs", () => {
  test("is terminated and replaced, and its viewers are closed as if it had died", async () => {
    const { audience, pool } = await open();
    const { told, events } = watcher();
    const { viewer } = await audience.admit("offer", events);
    await clock.advance(60_000);
    const [first] = threads;
    Object.assign(first as FakeThread, { hangs: true });
    const restarted = viewer.restart("offer").catch((error: Error) => error.message);
    await clock.advance(7000);
    expect(told.ends).toEqual([]);
    await clock.advance(2000);
    expect(told.ends).toEqual(["failed"]);
    expect(first?.terminated).toBe(true);
    expect(await restarted).toBe("The connection is closed.");
    expect(said).toEqual([
      "A worker thread did not respond for 8 seconds and was terminated.",
      "A worker thread ended; its viewers will reconnect.",
    ]);
    expect(threads).toHaveLength(2);
    expect(await audience.admit("offer", watcher().events)).toMatchObject({ answer: "by a thread" });
    // Its exit and its last reports come late.
    first?.tell({ kind: "beat" });
    first?.die();
    expect(threads).toHaveLength(2);
    await pool.close();
    expect(clock.timers).toBe(0);
  });

  test("does not delay viewers that join meanwhile", async () => {
    const { audience, pool, here } = await open();
    const [thread] = threads;
    Object.assign(thread as FakeThread, { hangs: true });
    const early = audience.admit("offer", watcher().events);
    await clock.advance(2000);
    expect(await audience.admit("offer", watcher().events)).toMatchObject({ answer: "by the main thread" });
    await clock.advance(10_000);
    expect(await early).toMatchObject({ answer: "by the main thread" });
    expect(here).toHaveLength(2);
    await pool.close();
  });

  test("delays no frame for others, and resumes with a keyframe", async () => {
    const { audience, pool } = await open();
    const { told, events } = watcher();
    await audience.admit("offer", events);
    expect(await audience.send(frame("key"))).toMatchObject({ packets: 3 });
    const [thread] = threads;
    Object.assign(thread as FakeThread, { hangs: true });
    let isSent = false;
    const sending = audience.send(frame("delta")).then(() => {
      isSent = true;
    });
    await clock.advance(400);
    expect(isSent).toBe(false);
    await clock.advance(1600);
    await sending;
    await audience.send(frame("delta"));
    await audience.send(frame("key"));
    expect(framesOf(thread)).toEqual(["key", "delta"]);
    thread?.goOn();
    expect(told).toEqual({ keyframes: 1, ends: [] });
    await audience.send(frame("delta"));
    await audience.send(frame("key"));
    await audience.send(frame("delta"));
    expect(framesOf(thread)).toEqual(["key", "delta", "key", "delta"]);
    await pool.close();
  });

  test("is not confused with a machine that slept", () => {
    let beat = () => {};
    let hung = 0;
    const sleepy: Clock = {
      now: () => clock.now(),
      after: () => () => {},
      every: (_, run) => {
        beat = run;
        return () => {};
      },
    };
    const ignore = () => {};
    const heartbeat = new Heartbeat({ clock: sleepy, ask: ignore, late: ignore, hung: () => hung++ });
    heartbeat.heard();
    for (let n = 0; n < 100; n++) {
      clock.pass(60_000);
      beat();
    }
    expect([heartbeat.isLate, hung]).toEqual([false, 0]);
    for (let n = 0; n < 16; n++) {
      clock.pass(500);
      beat();
    }
    expect([heartbeat.isLate, hung]).toEqual([true, 1]);
  });

  test("does not delay the close of the pool forever", async () => {
    const { pool } = await open();
    const [thread] = threads;
    Object.assign(thread as FakeThread, { hangs: true });
    let isClosed = false;
    const closing = pool.close().then(() => {
      isClosed = true;
    });
    await clock.advance(1000);
    expect(thread?.terminated).toBe(true);
    expect(isClosed).toBe(false);
    await clock.advance(1000);
    await closing;
    expect(clock.timers).toBe(0);
  });
});

describe("a thread that does not start", () => {
  test("is started again with back-off; the main thread sends meanwhile", async () => {
    begin = (thread) => thread.die();
    const { audience, pool, here } = await open();
    for (const [wait, count] of [
      [1000, 2],
      [2000, 3],
      [4000, 4],
      [8000, 5],
    ] as const) {
      await clock.advance(wait - 100);
      expect(threads).toHaveLength(count - 1);
      await clock.advance(100);
      expect(threads).toHaveLength(count);
    }
    expect(said).toEqual(["No worker thread can start now; the main thread sends the video."]);
    expect(await audience.admit("offer", watcher().events)).toMatchObject({ answer: "by the main thread" });
    here[0]?.events.connected();
    begin = (thread) => thread.tell({ kind: "ready" });
    await clock.advance(16_000);
    expect(await audience.admit("offer", watcher().events)).toMatchObject({ answer: "by a thread" });
    // Both get frames until one viewer is gone.
    await audience.send(frame("key"));
    here[0]?.close("left");
    await audience.send(frame("key"));
    expect(here[0]?.frames).toHaveLength(1);
    expect(framesOf(threads.at(-1))).toEqual(["key", "key"]);
    await pool.close();
    expect(clock.timers).toBe(0);
  });

  test("and hangs is terminated too", async () => {
    begin = (thread) => {
      thread.hangs = true;
    };
    const { pool } = await open();
    await clock.advance(25_000);
    expect(threads).toHaveLength(1);
    await clock.advance(10_000);
    expect(threads[0]?.terminated).toBe(true);
    expect(threads).toHaveLength(2);
    const closing = pool.close();
    await clock.advance(2000);
    await closing;
  });
});
