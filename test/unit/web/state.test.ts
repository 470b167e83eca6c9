import { expect, describe as group, test } from "vitest";
import type { SourceState } from "../../../src/shared/protocol.ts";
import {
  initialModel,
  type Model,
  RESTART_NOTICE_MS,
  withSource,
} from "../../../web/player/session/state.ts";
import { toneOf } from "../../../web/player/session/tone.ts";
import { describe, timeOfDay } from "../../../web/player/ui/state-text.ts";

const SINCE = 1_000_000;
const live: SourceState = { kind: "live", since: SINCE, run: 1 };
const there: Model = { ...initialModel, server: "there" };
const playing: Model = { ...there, source: live, picture: "current" };
const stateOf = (model: Model, now = SINCE) => describe(model, now, (at) => `T${at}`);
const by = (transport: Model["transport"], model: Model): Model => ({ ...model, transport });

group("describe", () => {
  test("connects at first", () => {
    expect(stateOf(initialModel)).toMatchObject({
      kind: "connecting",
      sentence: "Connecting",
      picture: "none",
    });
    expect(stateOf({ ...there, source: live })).toMatchObject({ kind: "connecting", sentence: "Connecting" });
  });

  test("is live as soon as pictures move", () => {
    expect(stateOf(playing)).toMatchObject({ kind: "live", label: "Live", since: SINCE, run: 1 });
  });

  test("waits for the first picture", () => {
    const waiting = stateOf({ ...there, source: { kind: "waiting" } });
    expect(waiting).toMatchObject({ kind: "waiting", sentence: "Waiting for the first picture" });
  });

  test("waits for the next picture while an old one is shown", () => {
    const model: Model = { ...there, source: { kind: "waiting" }, picture: "old" };
    expect(stateOf(model).sentence).toBe("Waiting for the next picture");
  });

  test("says what the first picture waits for", () => {
    const why = "Blender is starting";
    expect(stateOf({ ...there, source: { kind: "waiting", why } })).toMatchObject({
      kind: "waiting",
      sentence: why,
    });
  });

  test("says why there will be no picture, instead of waiting", () => {
    const problem = "The scene Scene has no camera Kamera.";
    for (const transport of ["webrtc", "mjpeg"] as const) {
      const model: Model = { ...there, source: { kind: "waiting", why: "Blender is starting" }, problem };
      expect(stateOf(by(transport, model))).toMatchObject({
        kind: "failed",
        label: "No picture",
        sentence: problem,
      });
      expect(stateOf(by(transport, { ...model, picture: "old" }))).toMatchObject({
        kind: "failed",
        label: "No new picture",
        sentence: problem,
      });
    }
  });

  test.each(["stalled", "crashed", "ended"] as const)(
    "says what is wrong beside the picture of a source that is %s",
    (kind) => {
      const problem = "img.jpg is not a JPEG picture.";
      expect(stateOf({ ...playing, source: { kind, since: 7 }, problem })).toMatchObject({
        kind,
        notice: problem,
      });
      expect(stateOf({ ...playing, problem }).notice).toBe(problem);
    },
  );

  test.each([
    ["stalled", "Stalled since T7"],
    ["crashed", "The renderer crashed or disconnected. Last picture at T7"],
    ["ended", "Ended at T7"],
  ] as const)("says that the source is %s, and since when", (kind, sentence) => {
    expect(stateOf({ ...playing, source: { kind, since: 7 } })).toMatchObject({ kind, sentence, since: 7 });
  });

  test("says that MJPEG is shown and WebRTC is still tried", () => {
    expect(stateOf(by("mjpeg", playing))).toMatchObject({
      kind: "fallback",
      sentence: "WebRTC did not connect. Showing MJPEG, still trying WebRTC",
    });
  });

  test("names what is wrong with the pictures rather than the transport", () => {
    const problem = "The pictures that come cannot be shown: they are too large.";
    for (const transport of ["webrtc", "mjpeg"] as const) {
      expect(stateOf(by(transport, { ...there, source: live, problem })).sentence).toBe(problem);
    }
    expect(stateOf({ ...playing, problem }).kind).toBe("live");
  });

  test("does not promise MJPEG before it shows something", () => {
    const trying = stateOf(by("mjpeg", { ...playing, picture: "none" }));
    expect(trying).toMatchObject({ kind: "connecting", sentence: "WebRTC did not connect. Trying MJPEG" });
  });

  test("distinguishes a browser without WebRTC from one that did not connect", () => {
    const state = stateOf(by("mjpeg", { ...playing, webrtc: false }));
    expect(state.sentence).toBe("This browser has no WebRTC. Showing MJPEG");
  });

  test("says what the source does in the fallback too", () => {
    expect(stateOf(by("mjpeg", { ...playing, source: { kind: "stalled", since: 7 } }))).toMatchObject({
      kind: "stalled",
      transport: "mjpeg",
      sentence: "Stalled since T7. WebRTC did not connect. Showing MJPEG, still trying WebRTC",
    });
  });

  test("puts the server's absence before everything else", () => {
    for (const model of [playing, by("mjpeg", playing), initialModel]) {
      expect(stateOf({ ...model, server: "away" })).toMatchObject({
        kind: "away",
        picture: model.picture,
      });
    }
  });

  test("distinguishes a server that was stopped, lost, or never there", () => {
    const away: Model = { ...playing, server: "away" };
    expect(stateOf({ ...away, reached: true, stopped: true })).toMatchObject({
      label: "Server stopped",
      sentence: "The server has stopped. The picture returns when it starts again",
    });
    expect(stateOf({ ...away, reached: true }).sentence).toBe("Connection to the server lost, reconnecting");
    expect(stateOf(away).sentence).toMatch(/^The server cannot be reached/);
  });

  test("is stalled if no picture arrives from a live source, and says whether the server is heard", () => {
    const stalled = (serverHeard: boolean): Model => ({
      ...playing,
      picture: "old",
      stalled: { since: 7, serverHeard },
    });
    expect(stateOf(stalled(true))).toMatchObject({
      kind: "stalled",
      sentence: "No picture since T7, trying to recover",
      since: 7,
    });
    expect(stateOf(stalled(false))).toMatchObject({
      kind: "stalled",
      sentence: "Nothing received from the server since T7",
    });
  });

  test.each(["asked", "unseen"] as const)("shows a pause before anything else (%s)", (paused) => {
    for (const model of [playing, { ...playing, server: "away" as const }, initialModel]) {
      expect(stateOf({ ...model, paused })).toMatchObject({ kind: "paused", why: paused });
    }
  });

  test("says in the fallback why WebRTC shows nothing, if that is known", () => {
    const trouble = "WebRTC did not connect: no reply from 192.0.2.1:8081";
    expect(stateOf(by("mjpeg", { ...playing, trouble })).sentence).toBe(
      `${trouble}. Showing MJPEG, still trying WebRTC`,
    );
  });

  test("notes beside the live picture that UDP is blocked", () => {
    const model: Model = { ...playing, byTcp: "192.0.2.1:8081" };
    expect(stateOf(model)).toMatchObject({
      kind: "live",
      notice: expect.stringMatching(/Allow UDP to 192\.0\.2\.1:8081$/),
    });
    expect(stateOf(by("mjpeg", model)).notice).toBeUndefined();
  });

  test("notes beside the live picture that the network is slow, rather than a possible cause", () => {
    const model: Model = { ...playing, slow: "smaller", byTcp: "192.0.2.1:8081" };
    expect(stateOf(model)).toMatchObject({
      kind: "live",
      notice: "Your network is slow: showing a smaller picture",
    });
    expect(stateOf(by("mjpeg", model)).notice).toBeUndefined();
    expect(stateOf({ ...model, paused: "asked" }).notice).toBeUndefined();
    expect(stateOf({ ...model, problem: "It burns." }).notice).toBe("It burns.");
  });

  test("promises a viewer of a full stream to join automatically", () => {
    const refusal = { code: "full", message: "As many as there are." } as const;
    expect(stateOf({ ...there, refusal })).toMatchObject({
      kind: "refused",
      label: "Full",
      sentence: expect.stringMatching(/join automatically when a spot opens\.$/),
    });
  });

  const refusal = { code: "token", message: "All 50 places are taken." } as const;

  test("shows the server's message when it refuses", () => {
    expect(stateOf({ ...there, refusal })).toMatchObject({
      kind: "refused",
      sentence: refusal.message,
      refusal,
    });
  });

  test("names the refusal as the reason when MJPEG works instead", () => {
    const state = stateOf(by("mjpeg", { ...playing, refusal }));
    expect(state).toMatchObject({
      kind: "fallback",
      sentence: "All 50 places are taken. Showing MJPEG, still trying WebRTC",
    });
  });

  test("distinguishes a lost picture from one that never arrived", () => {
    expect(stateOf({ ...playing, picture: "old" })).toMatchObject({
      kind: "connecting",
      sentence: "The picture was lost, trying to recover",
    });
  });
});

group("toneOf", () => {
  test.each([
    ["full", "busy"],
    ["no-such-stream", "busy"],
    ["token", "bad"],
    ["origin", "bad"],
  ] as const)("for the refusal %s is %s: only what needs an action is red", (code, tone) => {
    expect(toneOf(stateOf({ ...there, refusal: { code, message: "No." } }))).toBe(tone);
  });
});

group("the notice of a restart", () => {
  const restarted: SourceState = { kind: "live", since: SINCE + 500, run: 2 };
  const model = withSource(playing, restarted);

  test("is shown for a while, beside the live picture", () => {
    expect(stateOf(model, SINCE + 1000)).toMatchObject({
      kind: "live",
      notice: `The stream restarted at T${SINCE + 500}`,
    });
    expect(stateOf(model, SINCE + 500 + RESTART_NOTICE_MS).notice).toBeUndefined();
  });

  test("is not shown for the first run, nor after a stall", () => {
    expect(stateOf(withSource(playing, live)).notice).toBeUndefined();
    const stalled = withSource(model, { kind: "stalled", since: SINCE + 9000 });
    const goesOn = withSource(stalled, { kind: "live", since: SINCE + 99_000, run: 2 });
    expect(stateOf(goesOn, SINCE + 99_000).notice).toBeUndefined();
  });

  test("is shown for each restart, and forgotten with the server that counted them", () => {
    const crashed = withSource(model, { kind: "crashed", since: SINCE + 9000 });
    const third = withSource(crashed, { kind: "live", since: SINCE + 20_000, run: 3 });
    expect(stateOf(third, SINCE + 20_000).notice).toBe(`The stream restarted at T${SINCE + 20_000}`);
    const newServer = withSource(third, { kind: "live", since: SINCE + 30_000, run: 1 });
    expect(stateOf(newServer, SINCE + 30_000).notice).toBeUndefined();
  });
});

group("timeOfDay", () => {
  const at = new Date(2026, 10, 22, 7, 5, 9).getTime();

  test("is hours, minutes and seconds today", () => {
    expect(timeOfDay(at, at + 60_000)).toBe("07:05:09");
  });

  test("includes the date on any other day", () => {
    expect(timeOfDay(at, at + 86_400_000)).toBe("2026-11-22 07:05:09");
  });
});
