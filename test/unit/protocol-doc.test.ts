import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { frameCodeCells, readFrameCode } from "../../src/signaling/framecode.ts";
import { MultipartParser } from "../../src/signaling/multipart.ts";
import { MJPEG_BOUNDARY, type StreamInfo } from "../../src/signaling/protocol.ts";
import { MjpegStream } from "../../src/transport/mjpeg.ts";
import { FakeClock, settle } from "../fake-clock.ts";
import { FakeResponse } from "../fakes.ts";

const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");

/** The examples of one kind, by the language of their fence. */
function examples(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(
    ([, body = ""]) => body,
  );
}

test("the description on the page has the fields of a real one, and no other", () => {
  const described: StreamInfo = JSON.parse(examples("json")[0] ?? "");
  const fields = [
    "name",
    "source",
    "state",
    "width",
    "height",
    "fps",
    "viewers",
  ] satisfies (keyof StreamInfo)[];
  expect(Object.keys(described)).toEqual(fields);
  expect(described.state.kind).toBe("live");
});

test("the timed part on the page is what the server sends, and what the player reads", async () => {
  const example = `${examples("http")[0]?.trimEnd()}\n`.replaceAll("\n", "\r\n");
  const [part] = new MultipartParser(MJPEG_BOUNDARY).push(Buffer.from(example));
  expect(Buffer.from(part?.body ?? []).toString()).toBe("JPEG");

  const clock = new FakeClock(1_795_370_000_126);
  const at = (header: string) => Number(part?.headers.get(header)) as ReturnType<typeof clock.now>;
  const timings = { captured: at("x-captured"), received: at("x-received"), decoded: at("x-decoded") };
  const response = new FakeResponse();
  const stream = new MjpegStream(clock);
  stream.add(response.asResponse, true, () => {});
  stream.send({ number: at("x-frame-number"), data: Buffer.from("JPEG"), timings });
  await settle();
  expect(response.text).toBe(example);
  stream.close();
});

test("the frame code on the page is that of its frame", () => {
  const cells = examples("text")[0]?.replaceAll(/\s/g, "") ?? "";
  const number = Number(/^Frame (\d+):$/m.exec(page)?.[1]);
  expect(cells).toBe(frameCodeCells(number).map(Number).join(""));
  expect(readFrameCode([...cells].map((cell) => Number(cell) * 255))).toBe(number);
});
