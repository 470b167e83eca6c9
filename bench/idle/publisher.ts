/** `node publisher.ts SERVER jpeg|raw`: pushes a 480x270 picture at 20 fps until it is killed. */

import type { EpochMs } from "../../src/base/clock.ts";
import { encodeJpeg } from "../../src/encoder/image/jpeg.ts";
import { Scene } from "../../src/source/pattern/scene.ts";
import { TestPublisher } from "../../test/e2e/helpers/publisher.ts";
import { image, raw } from "../../test/helpers/multipart-writer.ts";

const [server = "", kind = ""] = process.argv.slice(2);
const WIDTH = 480;
const HEIGHT = 270;

const pixels = new Int32Array(WIDTH * HEIGHT);
const time = 1_700_000_000_000 as EpochMs;
new Scene(WIDTH, HEIGHT).draw(pixels, { frameNumber: 1, time });
const data = Buffer.from(pixels.buffer);
const shot = { kind: "raw", format: "rgba", width: WIDTH, height: HEIGHT, data, number: 1 } as const;
const frame = { ...shot, timings: { captured: time, received: time } };
const jpeg = async () => image(await encodeJpeg(frame));

const publisher = new TestPublisher(`${server}/streams/main`);
publisher.play(kind === "raw" ? raw("rgba", WIDTH, HEIGHT, data) : await jpeg());
const { status, text } = await publisher.answer;
throw new Error(`refused with ${status}: ${text}`);
