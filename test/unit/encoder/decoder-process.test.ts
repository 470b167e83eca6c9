import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { DecoderProcess } from "../../../src/encoder/image/decoder-process.ts";
import { type Answer, Blocks, REQUEST_BYTES, writeAnswer } from "../../../src/encoder/image/wire-format.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";

const MAX_PIXELS = 1_000_000;
const picture = Buffer.from("a picture");

function make() {
  const clock = new FakeClock();
  const started: ReturnType<typeof fakeProcess>[] = [];
  const decoder = new DecoderProcess(MAX_PIXELS, clock, () => {
    const process = fakeProcess();
    started.push(process);
    return process.child;
  });
  /** Starts to decode, in a process that is ready. */
  const decode = async () => {
    const before = started.length;
    const ready = decoder.ready();
    if (started.length > before) await started.at(-1)?.answer({ kind: "ready" });
    await ready;
    return { result: decoder.decode(picture).catch((error) => error) };
  };
  return { clock, decoder, decode, started };
}

function fakeProcess() {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const asked: string[] = [];
  let isLength = true;
  const blocks = new Blocks(REQUEST_BYTES, (block) => {
    if (!isLength) asked.push(block.toString());
    isLength = !isLength;
    return isLength ? REQUEST_BYTES : block.readUInt32LE();
  });
  stdin.on("data", (chunk) => blocks.push(chunk));
  const killed: string[] = [];
  const child = Object.assign(new EventEmitter(), {
    stdin,
    stdout,
    ref() {},
    unref() {},
    kill: (signal: string) => killed.push(signal),
  }) as unknown as ChildProcess;
  const answer = async (answer: Answer, ...more: Buffer[]) => {
    for (const bytes of [writeAnswer(answer), ...more]) stdout.write(bytes);
    await settle();
  };
  return { child, asked, killed, answer };
}

test("one process decodes several pictures, whose pixels may arrive in pieces", async () => {
  const { clock, decode, started } = make();
  const first = await decode();
  await settle();
  const [process] = started;
  expect(process?.asked).toEqual(["a picture"]);
  await process?.answer(
    { kind: "decoded", width: 2, height: 1, took: 7 },
    Buffer.from([1, 2]),
    Buffer.from([3, 4, 5, 6]),
  );
  expect(await first.result).toEqual({
    took: 7,
    pixels: { width: 2, height: 1, data: Buffer.from([1, 2, 3, 4, 5, 6]) },
  });

  const second = await decode();
  await process?.answer({ kind: "refused", refusal: "damaged" });
  expect(await second.result).toMatchObject({
    why: "undecodable",
    message: expect.stringMatching(/damaged/),
  });
  const third = await decode();
  await process?.answer({ kind: "oversized", width: 20_000, height: 1 });
  expect(await third.result).toMatchObject({
    why: "too_large",
    message: expect.stringMatching(/^they are 20000x1,/),
  });
  expect(started).toHaveLength(1);
  expect(process?.killed).toEqual([]);
  expect(clock.timers).toBe(1);
});

test("an idle process is killed after 30 seconds, and the next picture starts another", async () => {
  const { clock, decode, started } = make();
  const first = await decode();
  await started[0]?.answer({ kind: "decoded", width: 1, height: 1, took: 7 }, Buffer.alloc(3));
  await first.result;
  await clock.advance(30_000);
  expect(started[0]?.killed).toEqual(["SIGKILL"]);
  expect(clock.timers).toBe(0);
  await decode();
  expect(started).toHaveLength(2);
});

test("a process that takes too long is killed, and its picture is refused", async () => {
  const { clock, decode, started } = make();
  const slow = await decode();
  await clock.advance(5000);
  expect(await slow.result).toMatchObject({ why: "too_slow", message: expect.stringMatching(/5 seconds/) });
  expect(started[0]?.killed).toEqual(["SIGKILL"]);
  expect(clock.timers).toBe(0);
  const next = await decode();
  // Late answers of the killed process are ignored.
  await started[0]?.answer({ kind: "decoded", width: 1, height: 1, took: 7 }, Buffer.alloc(3, 9));
  started[0]?.child.emit("close");
  await started[1]?.answer({ kind: "decoded", width: 1, height: 1, took: 7 }, Buffer.alloc(3, 1));
  expect(await next.result).toMatchObject({ pixels: { data: Buffer.alloc(3, 1) } });
});

test("a process that crashes loses one picture", async () => {
  const { decode, started, clock } = make();
  const lost = await decode();
  await settle();
  started[0]?.child.emit("close");
  expect(await lost.result).toMatchObject({ why: "crashed" });
  expect(clock.timers).toBe(0);
  const next = await decode();
  await started[1]?.answer({ kind: "decoded", width: 1, height: 1, took: 7 }, Buffer.alloc(3));
  expect(await next.result).toMatchObject({ pixels: { width: 1 } });
});

test("after two crashes in a row pictures are refused with back-off, until one is decoded", async () => {
  const { decode, decoder, started, clock } = make();
  const crash = async () => {
    const { result } = await decode();
    started.at(-1)?.child.emit("close");
    await result;
  };
  await crash();
  await crash();
  await expect(decoder.ready()).rejects.toMatchObject({ why: "crashed" });
  await clock.advance(1000);
  await crash();
  await clock.advance(1999);
  await expect(decoder.ready()).rejects.toMatchObject({ why: "crashed" });
  await clock.advance(1);
  const { result } = await decode();
  await started.at(-1)?.answer({ kind: "decoded", width: 1, height: 1, took: 7 }, Buffer.alloc(3));
  await result;
  await crash();
  await decode();
  expect(started).toHaveLength(5);
});

test.each(["error", "close", "nothing"])(
  "a process that does not start is reported without the system's message: %s",
  async (event) => {
    const { decoder, started, clock } = make();
    const lost = decoder.ready().catch((error) => error);
    if (event === "nothing") await clock.advance(30_000);
    else started[0]?.child.emit(event, new Error("the system's words"));
    expect(await lost).toMatchObject({ why: "no_decoder", message: expect.not.stringMatching(/system's/) });
    expect(clock.timers).toBe(0);
  },
);

test("a process that ran out of memory is killed before the next picture", async () => {
  const { decode, started } = make();
  const lost = await decode();
  await started[0]?.answer({ kind: "refused", refusal: "hungry" });
  expect(await lost.result).toMatchObject({ why: "too_large", message: expect.stringMatching(/memory/) });
  expect(started[0]?.killed).toEqual(["SIGKILL"]);
});

test.each<[string, Answer | Buffer]>([
  ["of more pixels than allowed", { kind: "decoded", width: 16_383, height: 16_383, took: 1 }],
  ["with too long a side", { kind: "decoded", width: 4_000_000_000, height: 1, took: 1 }],
  ["without pixels", { kind: "decoded", width: 0, height: 5, took: 1 }],
  ["that no decoder writes", Buffer.alloc(16, 0xff)],
])("an answer %s is refused: the process may be compromised", async (_, answer) => {
  const { decode, started } = make();
  const lost = await decode();
  if (Buffer.isBuffer(answer)) started[0]?.child.stdout?.emit("data", answer);
  else await started[0]?.answer(answer);
  expect(await lost.result).toBeInstanceOf(Error);
});
