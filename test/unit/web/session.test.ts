import { describe, expect, test } from "vitest";
import type { Reply, SourceState, StreamInfo } from "../../../src/shared/protocol.ts";
import type { ShownTelemetry } from "../../../web/player/figures/frame.ts";
import type { Playback, PlaybackEvents, Refusal } from "../../../web/player/playback/playback.ts";
import { STALL_TIMEOUT_MS } from "../../../web/player/playback/watchdog.ts";
import { Session } from "../../../web/player/session/session.ts";
import type { SignalingEvents } from "../../../web/player/session/signaling.ts";
import type { Offers } from "../../../web/player/webrtc/offers.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";

const live: SourceState = { kind: "live", since: 1, run: 1 };
const info = (state: SourceState): StreamInfo => ({
  name: "main",
  source: "built-in scene",
  state,
  width: 480,
  height: 270,
  fps: 20,
  viewers: 1,
});

interface FakePlayback extends Playback {
  readonly events: PlaybackEvents;
  /** Undefined for MJPEG. */
  readonly offers: Offers | undefined;
  readonly hearsServer: () => boolean;
  closed: boolean;
  resumed: boolean;
}

/** A session whose server and playbacks do what the test says. */
function start({ webrtc = true, hasToken = false } = {}) {
  const timers = new FakeClock();
  const telemetry: ShownTelemetry[] = [];
  const opened: { webrtc: FakePlayback[]; mjpeg: FakePlayback[] } = { webrtc: [], mjpeg: [] };
  const server = {
    state: live as SourceState,
    follow: undefined as Reply<StreamInfo> | undefined,
    follows: 0,
    ahead: 700,
    restarts: [] as string[],
    keyframes: 0,
    latencies: [] as number[],
    closed: false,
  };
  let events: SignalingEvents | undefined;
  const open = (
    kind: "webrtc" | "mjpeg",
    playbackEvents: PlaybackEvents,
    offers?: Offers,
    hearsServer = () => false,
  ) => {
    const playback: FakePlayback = {
      offers,
      hearsServer,
      events: {
        ...playbackEvents,
        lost(why) {
          playback.close();
          playbackEvents.lost(why);
        },
      },
      closed: false,
      close() {
        this.closed = true;
      },
      resume() {
        this.resumed = true;
      },
      resumed: false,
    };
    opened[kind].push(playback);
    return playback;
  };
  const session = new Session("main", {
    timers,
    openSignaling(given) {
      events = given;
      return {
        follow: async () => {
          server.follows++;
          return server.follow ?? { ok: true, value: info(server.state) };
        },
        watch: async () => ({ ok: true, value: { answer: "" } }),
        restart: async (offer) => {
          server.restarts.push(offer);
          return { ok: true, value: { answer: `answer to ${offer}` } };
        },
        keyframe: () => {
          server.keyframes++;
        },
        operate: async () => ({ ok: false, code: "no-control", message: "No." }),
        control: () => {},
        release: () => {},
        latency: (milliseconds) => server.latencies.push(milliseconds),
        leave: () => {},
        clock: async () => timers.now() + server.ahead,
        close: () => {
          server.closed = true;
        },
      };
    },
    openWebRtc: webrtc ? (given, offers, _fps, hears) => open("webrtc", given, offers, hears) : undefined,
    openMjpeg: (given) => open("mjpeg", given),
    hasToken,
    changed: () => {},
    telemetry: (shown) => telemetry.push(shown),
    random: () => 0.5,
  });
  const connect = async () => {
    events?.connected();
    await settle();
  };
  const newest = (kind: "webrtc" | "mjpeg") => {
    const playback = opened[kind].at(-1);
    if (!playback) throw new Error(`No ${kind} playback was opened`);
    return playback;
  };
  return {
    session,
    timers,
    server,
    opened,
    telemetry,
    newest,
    connect,
    away: () => events?.away(),
    tell: (state: SourceState, viewers = 1) => events?.stream({ ...info(state), viewers }),
    refuse: (refusal: Refusal) => events?.refused(refusal),
    stopping: () => events?.stopping(),
    ended: () => events?.ended(),
    connectAndShow: async () => {
      await connect();
      newest("webrtc").events.connected();
      newest("webrtc").events.picture();
    },
  };
}

describe("a session", () => {
  test("follows, watches and compares clocks as soon as the server is there", async () => {
    const { session, opened, connect, server } = start();
    expect(opened.webrtc).toHaveLength(0);
    await connect();
    await settle();
    expect(opened.webrtc).toHaveLength(1);
    expect(server.follows).toBe(1);
    expect(session.info?.source).toBe("built-in scene");
    expect(session.meter.clock.best?.offset).toBe(700);
  });

  test("waits for the user as long as the browser blocks autoplay, and then for the picture again", async () => {
    const { session, opened, timers, newest, connect, tell } = start();
    await connect();
    newest("webrtc").events.connected();
    newest("webrtc").events.blocked();
    tell(live);
    await timers.advance(30_000);
    expect(opened.mjpeg).toHaveLength(0);
    expect(session.model.blocked).toBe(true);
    session.resume();
    expect([newest("webrtc").resumed, session.model.blocked]).toEqual([true, false]);
    await timers.advance(6000);
    expect(opened.mjpeg).toHaveLength(1);
  });

  test("keeps MJPEG on the screen if the browser blocks the video behind it", async () => {
    const { session, timers, newest, connect } = start();
    await connect();
    await timers.advance(6000);
    newest("mjpeg").events.picture();
    newest("webrtc").events.blocked();
    expect(session.model).toMatchObject({ transport: "mjpeg", picture: "current", blocked: false });
  });

  test("watches again when the server has ended the connection", async () => {
    const { opened, timers, connectAndShow, ended } = start();
    await connectAndShow();
    await timers.advance(1000);
    ended();
    expect(opened.webrtc[0]?.closed).toBe(true);
    await timers.advance(400);
    expect(opened.webrtc).toHaveLength(2);
    expect(opened.mjpeg).toHaveLength(0);
  });

  test("plays by WebRTC without ever asking for MJPEG", async () => {
    const { session, opened, timers, connectAndShow } = start();
    await connectAndShow();
    await timers.advance(60_000);
    expect(session.model).toMatchObject({ transport: "webrtc", picture: "current", server: "there" });
    expect(opened.mjpeg).toHaveLength(0);
    expect(opened.webrtc).toHaveLength(1);
  });

  test("falls back to MJPEG if WebRTC has shown nothing for five seconds, and not earlier", async () => {
    const { session, opened, timers, connect, newest } = start();
    await connect();
    await timers.advance(4900);
    expect(opened.mjpeg).toHaveLength(0);
    await timers.advance(200);
    expect(opened.mjpeg).toHaveLength(1);
    expect(session.model).toMatchObject({ transport: "mjpeg", picture: "none" });
    newest("mjpeg").events.picture();
    expect(session.model.picture).toBe("current");
  });

  test("tries WebRTC again behind the fallback, with back-off up to once a minute", async () => {
    const { opened, timers, connect } = start();
    await connect();
    const began = timers.now();
    const tries: number[] = [];
    for (let second = 0; second < 300; second++) {
      const before = opened.webrtc.length;
      await timers.advance(1000);
      if (opened.webrtc.length > before) tries.push(timers.now() - began);
    }
    const seconds = tries.map((at) => at / 1000);
    expect(seconds).toEqual([10, 20, 40, 80, 140, 200, 260]);
    expect(opened.webrtc.filter((playback) => !playback.closed)).toHaveLength(1);
    expect(opened.mjpeg).toHaveLength(1);
  });

  test("keeps MJPEG until the first WebRTC picture is there, and then ends it", async () => {
    const { session, timers, connect, newest } = start();
    await connect();
    await timers.advance(5000);
    const mjpeg = newest("mjpeg");
    mjpeg.events.picture();
    await timers.advance(5000);
    newest("webrtc").events.connected();
    expect(mjpeg.closed).toBe(false);
    newest("webrtc").events.picture();
    expect(mjpeg.closed).toBe(true);
    expect(session.model).toMatchObject({ transport: "webrtc", picture: "current" });
  });

  test("takes a first WebRTC picture that comes late, after the fallback began", async () => {
    const { session, timers, connect, newest } = start();
    await connect();
    await timers.advance(7000);
    newest("webrtc").events.picture();
    expect(session.model).toMatchObject({ transport: "webrtc", picture: "current" });
  });

  test("does not blame WebRTC for a source that has nothing to show", async () => {
    const { session, opened, timers, connect, newest, server, tell } = start();
    server.state = { kind: "waiting" };
    await connect();
    newest("webrtc").events.connected();
    await timers.advance(63_000);
    expect(opened.mjpeg).toHaveLength(0);
    tell(live);
    await timers.advance(4900);
    expect(session.model.transport).toBe("webrtc");
    await timers.advance(200);
    expect(session.model.transport).toBe("mjpeg");
  });

  test("shows MJPEG at once and permanently if the browser has no WebRTC", async () => {
    const { session, opened, timers, connect } = start({ webrtc: false });
    await connect();
    await timers.advance(120_000);
    expect(opened.mjpeg).toHaveLength(1);
    expect(session.model).toMatchObject({ transport: "mjpeg", webrtc: false });
  });

  test("requests MJPEG again when it breaks, with back-off until it shows a picture", async () => {
    const { opened, timers, connect, newest } = start({ webrtc: false });
    await connect();
    const waits: number[] = [];
    for (let turn = 0; turn < 4; turn++) {
      newest("mjpeg").events.lost();
      const lostAt = timers.now();
      const before = opened.mjpeg.length;
      while (opened.mjpeg.length === before) await timers.advance(100);
      waits.push(timers.now() - lostAt);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000]);
    newest("mjpeg").events.picture();
    newest("mjpeg").events.lost();
    await timers.advance(500);
    expect(opened.mjpeg).toHaveLength(6);
  });

  test("joins again when the picture is lost, and keeps the last one", async () => {
    const { session, opened, timers, connectAndShow, newest } = start();
    await connectAndShow();
    await timers.advance(20_000);
    newest("webrtc").events.lost();
    expect(session.model).toMatchObject({ transport: "webrtc", picture: "old" });
    await timers.advance(300);
    expect(opened.webrtc).toHaveLength(2);
    newest("webrtc").events.picture();
    expect(session.model.picture).toBe("current");
    expect(opened.mjpeg).toHaveLength(0);
  });

  test("keeps the same playback when it moves to another network", async () => {
    const { session, opened, server, timers, connectAndShow, newest } = start();
    await connectAndShow();
    const reply = await newest("webrtc").offers?.restart("offer");
    expect(reply).toEqual({ ok: true, value: { answer: "answer to offer" } });
    expect(server.restarts).toEqual(["offer"]);
    newest("webrtc").events.connected();
    await timers.advance(60_000);
    expect(session.model).toMatchObject({ transport: "webrtc", picture: "current", server: "there" });
    expect(opened.webrtc).toHaveLength(1);
    expect(newest("webrtc").closed).toBe(false);
  });

  test("sends no ICE restart to a server that is away: once back it has forgotten the connection", async () => {
    const { opened, server, connect, connectAndShow, away, newest } = start();
    await connectAndShow();
    away();
    await expect(newest("webrtc").offers?.restart("offer")).rejects.toThrow("away");
    expect(newest("webrtc").closed).toBe(false);
    await connect();
    expect(server.restarts).toEqual([]);
    expect(opened.webrtc).toHaveLength(2);
  });

  test("sends no ICE restart to a server that is not heard: on a stalled network requests would pile up", async () => {
    const { server, timers, connectAndShow, newest, tell } = start();
    await connectAndShow();
    await timers.advance(2000);
    expect(newest("webrtc").hearsServer()).toBe(false);
    await expect(newest("webrtc").offers?.restart("offer")).rejects.toThrow("away");
    expect(server.restarts).toEqual([]);
    tell(live);
    expect(newest("webrtc").hearsServer()).toBe(true);
    expect(await newest("webrtc").offers?.restart("offer")).toMatchObject({ ok: true });
  });

  test("shows an old picture while nothing arrives", async () => {
    const { session, opened, timers, connectAndShow, newest } = start();
    await connectAndShow();
    newest("webrtc").events.silent();
    // The server was heard just now, and is silent from then on.
    expect(session.model).toMatchObject({
      transport: "webrtc",
      picture: "old",
      stalled: { since: timers.now() + 700 - STALL_TIMEOUT_MS, serverHeard: true },
    });
    await timers.advance(60_000);
    newest("webrtc").events.counted(
      { at: timers.now(), bytes: 1, frames: 1 },
      { codec: "", width: 1, height: 1 },
    );
    expect(session.model.stalled?.serverHeard).toBe(false);
    newest("webrtc").events.picture();
    expect(session.model).toMatchObject({ transport: "webrtc", picture: "current", stalled: undefined });
    expect(opened).toMatchObject({ webrtc: [{ closed: false }], mjpeg: [] });
  });

  test("waits longer each time a picture is lost again right away", async () => {
    const { timers, connectAndShow, newest, opened } = start();
    await connectAndShow();
    const waits: number[] = [];
    for (let turn = 0; turn < 4; turn++) {
      newest("webrtc").events.lost();
      const lostAt = timers.now();
      const before = opened.webrtc.length;
      while (opened.webrtc.length === before) await timers.advance(50);
      waits.push(timers.now() - lostAt);
      newest("webrtc").events.picture();
    }
    expect(waits).toEqual([250, 500, 1000, 2000]);
  });

  test("survives a restart of the server: it joins again, and closes the old connection", async () => {
    const { session, server, opened, timers, connect, connectAndShow, away, newest } = start();
    await connectAndShow();
    await timers.advance(20_000);
    const old = newest("webrtc");
    away();
    expect(session.model).toMatchObject({ server: "away" });
    await timers.advance(30_000);
    expect(opened.webrtc).toHaveLength(1);
    server.ahead = -40;
    await connect();
    expect(old.closed).toBe(true);
    expect(opened.webrtc).toHaveLength(2);
    expect(server.follows).toBe(2);
    expect(session.model).toMatchObject({ server: "there", picture: "old", transport: "webrtc" });
    await settle();
    expect(session.meter.clock.best?.offset).toBe(-40);
    newest("webrtc").events.picture();
    expect(session.model.picture).toBe("current");
  });

  test("requests nothing while the server is away, whatever breaks", async () => {
    const { opened, timers, connect, newest, away } = start();
    await connect();
    await timers.advance(5000);
    newest("mjpeg").events.picture();
    away();
    newest("mjpeg").events.lost();
    newest("webrtc").events.lost();
    await timers.advance(120_000);
    expect(opened.webrtc).toHaveLength(1);
    expect(opened.mjpeg).toHaveLength(1);
    await connect();
    expect(opened.webrtc).toHaveLength(2);
    expect(opened.mjpeg).toHaveLength(2);
  });

  test("shows a refusal, retries later, and forgets it with the first picture", async () => {
    const { session, opened, timers, connect, newest } = start();
    await connect();
    newest("webrtc").events.refused({ code: "full", message: "All places are taken." });
    expect(session.model.refusal).toEqual({ code: "full", message: "All places are taken." });
    expect(opened.mjpeg).toHaveLength(0);
    await timers.advance(250);
    expect(opened.webrtc).toHaveLength(2);
    newest("webrtc").events.picture();
    expect(session.model.refusal).toBeUndefined();
  });

  const TOKEN = { ok: false, code: "token", message: "Watching this takes a token." } as const;

  test.each([true, false])(
    "requests nothing by HTTP if a token is missing, with WebRTC: %s",
    async (webrtc) => {
      const { session, server, opened, timers, connect } = start({ webrtc });
      server.follow = TOKEN;
      await connect();
      const { follows } = server;
      await timers.advance(120_000);
      expect(opened.mjpeg).toHaveLength(0);
      expect(server.follows).toBe(follows);
      expect(session.model.refusal?.code).toBe("token");
      // The server may be started again without asking for one.
      server.follow = undefined;
      await connect();
      expect(session.model).toMatchObject(webrtc ? { source: live } : { source: live, refusal: undefined });
      expect(opened.mjpeg).toHaveLength(webrtc ? 0 : 1);
    },
  );

  test("retries with a token that may become valid, and then shows MJPEG again", async () => {
    const { session, server, opened, timers, connect, newest } = start({ hasToken: true, webrtc: false });
    await connect();
    newest("mjpeg").events.picture();
    server.follow = TOKEN;
    await connect();
    newest("mjpeg").events.lost();
    await timers.advance(10_000);
    expect(opened.mjpeg).toHaveLength(1);
    server.follow = undefined;
    await timers.advance(60_000);
    expect(session.model.refusal).toBeUndefined();
    expect(opened.mjpeg).toHaveLength(2);
  });

  test("has no figures of a connection that has not noticed yet that the server is gone", async () => {
    const { session, timers, connectAndShow, newest, away } = start();
    await connectAndShow();
    const format = { codec: "VP8", width: 480, height: 270 };
    const count = (bytes: number) =>
      newest("webrtc").events.counted({ at: timers.now(), bytes, frames: bytes }, format);
    count(1);
    away();
    for (let seconds = 0; seconds < 4; seconds++) {
      await timers.advance(1000);
      count(2 + seconds);
    }
    // Only the signaling is away.
    expect(session.meter.stats(timers.now())).toMatchObject({ codec: "VP8", width: 480, fps: 1 });
    for (let seconds = 0; seconds < 4; seconds++) {
      await timers.advance(1000);
      count(5);
    }
    const gone = {
      codec: undefined,
      width: undefined,
      fps: undefined,
      bitrate: undefined,
      transport: undefined,
    };
    expect(session.meter.stats(timers.now())).toMatchObject(gone);
  });

  test("joins as soon as a viewer leaves a full stream", async () => {
    const { opened, timers, connect, newest, tell } = start();
    await connect();
    for (let refusals = 0; refusals < 8; refusals++) {
      newest("webrtc").events.refused({ code: "full", message: "Full." });
      await timers.advance(refusals < 7 ? 30_000 : 0);
    }
    const before = opened.webrtc.length;
    tell(live, 5);
    await timers.advance(1000);
    expect(opened.webrtc).toHaveLength(before);
    tell(live, 4);
    await timers.advance(1000);
    expect(opened.webrtc).toHaveLength(before + 1);
  });

  test("shows that the server refuses this page, until the server accepts it", async () => {
    const { session, connect, refuse } = start();
    refuse({ code: "origin", message: "Not this page." });
    expect(session.model).toMatchObject({ refusal: { code: "origin" }, server: "connecting" });
    await connect();
    expect(session.model).toMatchObject({ refusal: undefined, server: "there" });
  });

  test("distinguishes a stopped server, a lost one, and one that was never reached", async () => {
    const { session, connect, stopping, away } = start();
    away();
    expect(session.model).toMatchObject({ server: "away", reached: false, stopped: false });
    await connect();
    away();
    expect(session.model).toMatchObject({ server: "away", reached: true, stopped: false });
    await connect();
    stopping();
    away();
    expect(session.model).toMatchObject({ server: "away", reached: true, stopped: true });
    await connect();
    expect(session.model.stopped).toBe(false);
  });

  test("passes on why WebRTC showed nothing, and forgets it with the first picture", async () => {
    const { session, timers, connect, newest } = start();
    await connect();
    newest("webrtc").events.lost("WebRTC did not connect, as the moon is full");
    expect(session.model).toMatchObject({ transport: "mjpeg", trouble: expect.stringContaining("moon") });
    await timers.advance(5000);
    newest("webrtc").events.picture();
    expect(session.model.trouble).toBeUndefined();
  });

  test("requests a keyframe when the playback needs one", async () => {
    const { server, connectAndShow, newest } = start();
    await connectAndShow();
    newest("webrtc").offers?.keyframe();
    expect(server.keyframes).toBe(1);
  });

  test("starts measuring over once the page is visible again: a hidden page gets no frame callbacks", async () => {
    const { session, timers, connectAndShow, newest } = start();
    await connectAndShow();
    await timers.advance(100);
    const show = (captured: number) =>
      newest("webrtc").events.shown(
        { shownAt: timers.now() },
        { captured, received: captured, sent: captured },
      );
    const captured = timers.now() + 700;
    await timers.advance(2500);
    session.restartMeasuring();
    show(captured);
    expect(session.meter.stats(timers.now()).latency).toBeUndefined();
    show(timers.now() + 700);
    expect(session.meter.stats(timers.now()).latency?.now).toBe(0);
  });

  test("falls back at once if browser and server have no codec in common", async () => {
    const { session, opened, connect, newest } = start();
    await connect();
    newest("webrtc").events.refused({ code: "no-common-codec", message: "No VP8." });
    expect(opened.mjpeg).toHaveLength(1);
    newest("mjpeg").events.picture();
    expect(session.model).toMatchObject({ transport: "mjpeg", picture: "current" });
  });

  test("waits for a stream that does not exist yet", async () => {
    const { session, server, timers, connect } = start();
    server.follow = { ok: false, code: "no-such-stream", message: "There is no stream 'main'." };
    await connect();
    await settle();
    expect(session.model.refusal?.code).toBe("no-such-stream");
    server.follow = undefined;
    await timers.advance(1000);
    expect(session.model.source).toEqual(live);
  });

  test("counts the figures only from what is on the screen", async () => {
    const { session, timers, connect, newest } = start();
    await connect();
    await timers.advance(5000);
    newest("mjpeg").events.picture();
    const format = { codec: "VP8", width: 480, height: 270 };
    newest("webrtc").events.counted({ at: timers.now(), bytes: 1, frames: 1 }, format);
    expect(session.meter.stats(timers.now()).codec).toBeUndefined();
    newest("mjpeg").events.counted({ at: timers.now(), bytes: 1, frames: 1 }, { ...format, codec: "MJPEG" });
    expect(session.meter.stats(timers.now())).toMatchObject({ codec: "MJPEG", transport: "mjpeg" });
  });

  test("says that the network is slow once a reduced rendition lasts, until the full one returns", async () => {
    const { session, timers, connectAndShow, newest } = start();
    await connectAndShow();
    const times = { captured: 1, received: 1, decoded: 1, encoded: 1, sent: 1 };
    const watch = async (level: number, seconds: number) => {
      newest("webrtc").events.reported({ rtpTimestamp: 90, number: 7, ...times, level });
      for (let second = 0; second < seconds; second++) {
        await timers.advance(1000);
        const format = { codec: "VP8", width: 480, height: 270 };
        newest("webrtc").events.counted({ at: timers.now(), bytes: timers.now(), frames: 1 }, format);
      }
      return session.model.slow;
    };
    expect(await watch(0, 5)).toBeUndefined();
    expect(await watch(4, 2)).toBeUndefined();
    expect(await watch(0, 2)).toBeUndefined();
    // A picture of 480x270 is not made smaller.
    expect(await watch(4, 5)).toBe("coarser");
    expect(await watch(0, 1)).toBeUndefined();
  });

  test("measures the latency on the server's clock, from capture to screen", async () => {
    const { session, timers, connectAndShow, newest } = start();
    await connectAndShow();
    await timers.advance(100);
    const now = timers.now();
    const times = { captured: now + 700 - 40, received: now + 700 - 38, sent: now + 700 - 20 };
    newest("webrtc").events.shown({ shownAt: now }, times);
    expect(session.meter.stats(now).latency).toEqual({ median: 40, p95: 40, now: 40 });
  });

  test.each(["webrtc", "mjpeg"] as const)(
    "measures no picture from before it was connected by %s",
    async (way) => {
      const { session, timers, connect, newest } = start({ webrtc: way === "webrtc" });
      await connect();
      await timers.advance(1000);
      const { events } = newest(way);
      events.connected();
      const connected = timers.now() + 700;
      await timers.advance(200);
      events.picture();
      const show = (captured: number) =>
        events.shown({ shownAt: timers.now() }, { captured, received: captured, sent: timers.now() + 700 });
      show(connected - 1);
      expect(session.meter.stats(timers.now()).latency).toBeUndefined();
      show(connected);
      expect(session.meter.stats(timers.now()).latency?.now).toBe(200);
    },
  );

  test("shows no frame rate for the last picture of a source that has ended", async () => {
    const { session, timers, tell, connectAndShow, newest } = start();
    await connectAndShow();
    const format = { codec: "VP8", width: 480, height: 270 };
    tell({ kind: "ended", since: 1 });
    for (let second = 0; second < 6; second++) {
      newest("webrtc").events.counted({ at: timers.now(), bytes: second * 900, frames: second * 2 }, format);
      await timers.advance(1000);
    }
    expect(session.meter.stats(timers.now()).fps).toBe(0);
  });

  test("keeps what each side measured on its own clock, however wrong the offset", async () => {
    const { session, timers, connectAndShow, newest } = start();
    await connectAndShow();
    await settle();
    const now = timers.now();
    const sent = now + 700 + 30;
    const times = { captured: sent - 20, received: sent - 19, sent };
    newest("webrtc").events.shown({ shownAt: now, receivedAt: now - 6 }, times);
    expect(session.meter.stats(now).latency?.now).toBe(26);
  });

  test("delivers the telemetry of the frame on the screen, whether the source is live or idle", async () => {
    const { timers, telemetry, tell, connectAndShow, newest } = start();
    await connectAndShow();
    tell({ kind: "ended", since: 1 });
    const times = { captured: 1, received: 1, decoded: 1, encoded: 1, sent: 1 };
    newest("webrtc").events.reported({ rtpTimestamp: 90, number: 7, ...times, telemetry: { angle: 1 } });
    expect(telemetry).toEqual([]);
    newest("webrtc").events.shown({ shownAt: timers.now() }, { rtpTimestamp: 90 });
    expect(telemetry).toEqual([{ number: 7, at: timers.now(), data: { angle: 1 } }]);
  });

  test("delivers the telemetry of the fallback only while it is on the screen", async () => {
    const { timers, telemetry, connect, newest } = start();
    await connect();
    await timers.advance(5000);
    newest("mjpeg").events.picture();
    newest("mjpeg").events.shown({ shownAt: 1 }, undefined, { number: 7, data: {} });
    newest("webrtc").events.picture();
    newest("mjpeg").events.shown({ shownAt: 2 }, undefined, { number: 8, data: {} });
    expect(telemetry.map(({ number }) => number)).toEqual([7]);
  });

  test("calls the latency not measurable after many frames without a known time", async () => {
    const { session, timers, connectAndShow, newest } = start();
    await connectAndShow();
    const show = () => newest("webrtc").events.shown({ shownAt: timers.now() }, undefined);
    show();
    expect(session.meter.stats(timers.now()).measurable).toBe(true);
    for (let frame = 0; frame < 200; frame++) show();
    expect(session.meter.stats(timers.now()).measurable).toBe(false);
  });

  test("leaves nothing behind when closed, in whatever state", async () => {
    for (const prepare of [
      async () => start(),
      async () => {
        const viewer = start();
        await viewer.connect();
        await viewer.timers.advance(5000);
        viewer.newest("mjpeg").events.lost();
        return viewer;
      },
      async () => {
        const viewer = start();
        await viewer.connectAndShow();
        viewer.newest("webrtc").events.lost();
        return viewer;
      },
    ]) {
      const { session, timers, server, opened } = await prepare();
      session.close();
      await settle();
      expect(timers.timers).toBe(0);
      expect(server.closed).toBe(true);
      expect([...opened.webrtc, ...opened.mjpeg].filter((playback) => !playback.closed)).toHaveLength(0);
    }
  });
});
