import { AV_LOG_ERROR } from "node-av/constants";
import { Log } from "node-av/lib";
import { afterEach, describe, expect, test } from "vitest";
import type { VideoEncoder } from "../../../src/encoder/encoder.ts";
import { chooseHardware, findEncoders } from "../../../src/encoder/encoders.ts";
import { ENCODER_TIMEOUT, withFallback } from "../../../src/encoder/fallback.ts";
import { FfmpegAv1Encoder } from "../../../src/encoder/ffmpeg/av1.ts";
import { FfmpegH264Encoder } from "../../../src/encoder/ffmpeg/h264.ts";
import { findHardware, HARDWARE, type Hardware } from "../../../src/encoder/ffmpeg/hardware.ts";
import { tryOut } from "../../../src/encoder/ffmpeg/tryout.ts";
import { FfmpegVp8Encoder } from "../../../src/encoder/ffmpeg/vp8.ts";
import { Rendition } from "../../../src/encoder/rendition.ts";
import type { EncodedFrame } from "../../../src/media/frame.ts";
import { leb128, OBU, obusOf } from "../../../src/media/obu.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { FakeEncoder } from "../../helpers/fakes.ts";
import { plain } from "../../helpers/pictures.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  Log.setLevel(AV_LOG_ERROR);
});

describe("the trial of an encoder", () => {
  /** x264 with the changes of a test. */
  const x264 = (changes: (encoder: FfmpegH264Encoder) => Partial<VideoEncoder>) => {
    const encoder = new FfmpegH264Encoder();
    let open = false;
    const usual: VideoEncoder = {
      codec: "h264",
      open: async (settings) => {
        await encoder.open(settings);
        open = true;
      },
      encode: (frame, key) => encoder.encode(frame, key),
      close: () => {
        encoder.close();
        open = false;
      },
    };
    return { encoder: { ...usual, ...changes(encoder) }, isOpen: () => open };
  };

  test("passes an encoder that keeps the contract", async () => {
    const { encoder, isOpen } = x264(() => ({}));
    await tryOut(encoder);
    expect(isOpen()).toBe(false);
  });

  test.each<[string, (encoder: FfmpegH264Encoder) => Partial<VideoEncoder>, RegExp]>([
    [
      "fails without a requested keyframe",
      (encoder) => ({ encode: (frame) => encoder.encode(frame, false) }),
      /frame 2 is not a key frame/,
    ],
    [
      "fails on a keyframe that was not requested",
      (encoder) => ({ encode: (frame) => encoder.encode(frame, true) }),
      /frame 1 is not a delta frame/,
    ],
    [
      "fails on keyframes without parameter sets",
      (encoder) => ({
        encode: async (frame, key) => {
          const { type, data } = await encoder.encode(frame, key);
          // An IDR slice alone.
          return { type, data: type === "key" ? Buffer.from([0, 0, 1, 0x65, 1]) : data };
        },
      }),
      /frame 0 has only NAL units of the types 5/,
    ],
    [
      "fails on another profile",
      (encoder) => ({
        encode: async (frame, key) => {
          const { type, data } = await encoder.encode(frame, key);
          const sps = data.indexOf(Buffer.from([0, 0, 1, 0x67]));
          if (sps >= 0) data[sps + 4] = 100;
          return { type, data };
        },
      }),
      /profile 64/,
    ],
    [
      "fails if a frame is held back",
      () => ({ encode: async () => Promise.reject(new Error("try again later")) }),
      /try again later/,
    ],
  ])("%s, and closes the encoder", async (_, changes, message) => {
    const { encoder, isOpen } = x264(changes);
    await expect(tryOut(encoder)).rejects.toThrow(message);
    expect(isOpen()).toBe(false);
  });

  test.each([FfmpegVp8Encoder, FfmpegAv1Encoder])("passes %o", async (Encoder) => {
    await expect(tryOut(new Encoder())).resolves.toBeUndefined();
  });

  test("fails on AV1 keyframes without a sequence header", async () => {
    const encoder = new FfmpegAv1Encoder();
    const encode = encoder.encode.bind(encoder);
    encoder.encode = async (...given) => {
      const { type, data } = await encode(...given);
      const obus = obusOf(data).filter((obu) => obu.type !== OBU.sequenceHeader);
      return {
        type,
        data: Buffer.concat(
          obus.flatMap(({ header, payload }) => [sized(header), leb128(payload.length), payload]),
        ),
      };
    };
    await expect(tryOut(encoder)).rejects.toThrow("frame 0 has no sequence header");
  });

  test("fails on another codec", async () => {
    const liar = Object.defineProperty(new FfmpegVp8Encoder(), "codec", { value: "h264" });
    await expect(tryOut(liar)).rejects.toThrow("NAL units");
  });
});

describe("hardware", () => {
  test("is found in order of preference if its trial succeeds", async () => {
    const tried: Hardware[] = [];
    const found = await findHardware("h264", async (_, hardware) => {
      tried.push(hardware);
      if (hardware === "NVENC") throw new Error("no driver");
    });
    // node-av has different hardware on each system, but some on all.
    expect(tried.length).toBeGreaterThan(0);
    expect(tried).toEqual(HARDWARE.filter((hardware) => tried.includes(hardware)));
    expect(found).toEqual(tried.filter((hardware) => hardware !== "NVENC"));
  });

  test("without AV1 is not tried for AV1", async () => {
    const tried: Hardware[] = [];
    await findHardware("av1", async (_, hardware) => void tried.push(hardware));
    expect(tried).not.toContain("VideoToolbox");
  });

  test.each([
    ["h264", "No graphics processor here encodes H.264: x264 encodes it."],
    ["av1", "No graphics processor here encodes AV1: AV1 is not offered."],
  ] as const)("where there is none for %s, that is said", async (codec, line) => {
    const logged: string[] = [];
    const make = await chooseHardware(
      codec,
      (one) => logged.push(one),
      new FakeClock(),
      async () => [],
    );
    expect(make).toBeUndefined();
    expect(logged).toEqual([line]);
  });
});

describe("the encoders of this machine", () => {
  const find = (found: Hardware[]) => {
    const looked: string[] = [];
    const encoders = findEncoders(
      ["av1", "vp8", "h264"],
      () => {},
      new FakeClock(),
      async (codec) => {
        looked.push(codec);
        return found;
      },
    );
    return { looked, encoders };
  };

  test("without hardware cover all codecs but AV1", async () => {
    const { encoders } = find([]);
    const { codecs, make } = await encoders;
    expect(codecs).toEqual(["vp8", "h264"]);
    expect(make("vp8")).toBeInstanceOf(FfmpegVp8Encoder);
    expect(make("h264")).toBeInstanceOf(FfmpegH264Encoder);
    expect(make("h264-single").codec).toBe("h264-single");
    expect(() => make("av1")).toThrow("no hardware here encodes AV1");
  });

  test("are tried at start, without viewers: AV1 before the server serves, H.264 afterwards", async () => {
    const { looked, encoders } = find([]);
    const { make, lookForHardware } = await encoders;
    expect(looked).toEqual(["av1"]);
    lookForHardware();
    expect(looked).toEqual(["av1", "h264"]);
    make("h264");
    expect(looked).toHaveLength(2);
  });

  test("use x264 until hardware for H.264 is found, without waiting, and log it", async () => {
    const { promise, resolve } = Promise.withResolvers<Hardware[]>();
    const logged: string[] = [];
    const { make, lookForHardware } = await findEncoders(
      ["h264"],
      (line) => logged.push(line),
      new FakeClock(),
      () => promise,
    );
    lookForHardware();
    expect(make("h264")).toBeInstanceOf(FfmpegH264Encoder);
    resolve(["VAAPI"]);
    await settle();
    expect(logged).toEqual(["VAAPI encodes H.264; hardware that works here: VAAPI."]);
    expect(make("h264")).not.toBeInstanceOf(FfmpegH264Encoder);
  });

  test("are searched only for the requested codecs", async () => {
    const looked: string[] = [];
    const { lookForHardware } = await findEncoders(
      ["vp8"],
      () => {},
      new FakeClock(),
      async (codec) => {
        looked.push(codec);
        return [];
      },
    );
    lookForHardware();
    expect(looked).toEqual([]);
  });

  test("with hardware include AV1", async () => {
    const { codecs, make } = await find(["NVENC"]).encoders;
    expect(codecs).toEqual(["av1", "vp8", "h264"]);
    expect(make("av1").codec).toBe("av1");
  });
});

/** An OBU's header that says that a size follows. */
function sized(header: Buffer): Buffer {
  const changed = Buffer.from(header);
  changed[0] = (changed[0] ?? 0) | 2;
  return changed;
}

describe("an encoder with a fallback", () => {
  function start() {
    const clock = new FakeClock();
    const [first, second] = [new FakeEncoder(), new FakeEncoder()];
    const [out, logged]: [EncodedFrame[], string[]] = [[], []];
    const encoder = withFallback(
      [
        { name: "hardware", make: () => first },
        { name: "software", make: () => second },
      ],
      (line) => logged.push(line),
      clock,
    );
    const rendition = new Rendition({
      clock,
      encoder,
      fps: () => 20,
      bitrate: undefined,
      level: 0,
      timestampOffset: 0,
      emit: async (frame) => void out.push(frame),
      log: () => undefined,
    });
    stops.push(() => rendition.stop());
    const push = async (number: number) => {
      const captured = clock.now();
      rendition.push({ ...plain(480, 270, [0, 0, 0], number), timings: { captured, received: captured } });
      await settle();
    };
    return { clock, first, second, out, logged, encoder, push };
  }

  test("uses the first encoder while it works", async () => {
    const { first, second, logged, push } = start();
    await push(1);
    await push(2);
    expect([first.opened.length, second.opened.length]).toEqual([1, 0]);
    expect(logged).toEqual([]);
  });

  test("switches to the next when the first fails, and continues with a keyframe", async () => {
    const { clock, first, second, out, logged, push } = start();
    await push(1);
    first.fail = true;
    await push(2);
    await clock.advance(1000);
    await push(3);
    expect(out.map(({ type }) => type).slice(0, 2)).toEqual(["key", "key"]);
    expect(out.at(-1)?.number).toBe(3);
    expect([first.opened.length, second.opened.length]).toEqual([1, 1]);
    expect(first.closed).toBeGreaterThan(0);
    expect(logged).toEqual(["hardware failed: software encodes instead."]);
  });

  test("switches to the next when the first hangs, and frees the first if it returns", async () => {
    const { clock, first, second, out, logged, push } = start();
    await push(1);
    let comeBack = () => {};
    first.work = () =>
      new Promise((resolve) => {
        comeBack = resolve;
      });
    await push(2);
    await clock.advance(ENCODER_TIMEOUT - 1);
    expect(logged).toEqual([]);
    await clock.advance(1);
    expect(logged).toEqual(["hardware failed: software encodes instead."]);
    await clock.advance(1000);
    await push(3);
    expect(out.map(({ type }) => type).slice(0, 2)).toEqual(["key", "key"]);
    expect(out.at(-1)?.number).toBe(3);
    expect([second.opened.length, first.closed]).toEqual([1, 0]);
    comeBack();
    await settle();
    expect(first.closed).toBe(1);
  });

  test("leaves no timer when the encoder returns", async () => {
    const { clock, encoder } = start();
    const timers = clock.timers;
    await encoder().encode(plain(4, 4, [0, 0, 0]), false);
    expect(clock.timers).toBe(timers);
  });

  test("never returns to a failed encoder, and keeps the last one even if it fails", async () => {
    const { clock, first, second, logged, push } = start();
    first.fail = true;
    second.fail = true;
    for (let number = 1; number <= 4; number++) {
      await push(number);
      await clock.advance(1000);
    }
    expect(first.opened).toHaveLength(1);
    expect(second.opened.length).toBeGreaterThan(1);
    expect(logged).toHaveLength(1);
  });

  test("counts several failures of one kind once", async () => {
    const { first, second, encoder, logged } = start();
    const [one, two] = [encoder(), encoder()];
    first.fail = true;
    const frame = plain(4, 4, [0, 0, 0]);
    await expect(one.encode(frame, false)).rejects.toThrow("out of order");
    await expect(two.encode(frame, false)).rejects.toThrow("out of order");
    expect(logged).toHaveLength(1);
    expect(encoder()).toBe(second);
  });
});
