import { afterEach, describe, expect, test } from "vitest";
import { MJPEG_BOUNDARY } from "../../../src/shared/protocol.ts";
import { type JpegFrame, MjpegStream } from "../../../src/transport/mjpeg.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { FakeResponse } from "../../helpers/fakes.ts";

const clock = new FakeClock(5000);
let stream = new MjpegStream(clock);
afterEach(() => {
  stream.close();
  stream = new MjpegStream(clock);
});

function picture(number: number, bytes = 10): JpegFrame {
  const captured = clock.now();
  return {
    number,
    data: Buffer.alloc(bytes, `${number % 10}`),
    timings: { captured, received: captured, decoded: captured },
  };
}

function join(timed = false, room?: number) {
  const response = new FakeResponse(room);
  let gone = 0;
  stream.add(response.asResponse, timed, () => gone++);
  return { response, gone: () => gone };
}

const HEAD = `--${MJPEG_BOUNDARY}\r\nContent-Type: image/jpeg\r\n`;

describe("MJPEG for a bare img", () => {
  test("follows each picture immediately with the next boundary and headers", async () => {
    const { response } = join();
    stream.send(picture(1));
    await settle();
    expect(response.text).toBe(`${HEAD}\r\n1111111111\r\n${HEAD}\r\n`);
    expect(response.headers["Content-Type"]).toBe(`multipart/x-mixed-replace; boundary=${MJPEG_BOUNDARY}`);
  });

  test("a new client gets a still picture immediately", async () => {
    stream.send(picture(3));
    const { response } = join();
    await settle();
    expect(response.text).toContain("3333333333");
  });

  test("repeats a still picture, for browsers that show a part only after the next one", async () => {
    const { response } = join();
    stream.send(picture(4));
    await clock.advance(1000);
    expect(response.text.match(/4444444444/g)).toHaveLength(2);
  });
});

test("timed MJPEG has each picture's length, number and timestamps", async () => {
  const { response } = join(true);
  stream.send(picture(12));
  await settle();
  const sent = clock.now().toFixed(3);
  expect(response.text).toBe(
    `${HEAD}Content-Length: 10\r\nX-Frame-Number: 12\r\nX-Captured: ${sent}\r\nX-Received: ${sent}\r\n` +
      `X-Decoded: ${sent}\r\nX-Sent: ${sent}\r\n\r\n2222222222\r\n`,
  );
  // WebKit lets no script read multipart/x-mixed-replace.
  expect(response.headers["Content-Type"]).toBe("application/octet-stream");
});

describe("a slow client", () => {
  test("skips pictures, gets the newest one next, and delays nobody", async () => {
    const slow = join(true, 100);
    const quick = join(true);
    slow.response.pause();
    for (let number = 1; number <= 5; number++) stream.send(picture(number, 200));
    await settle();
    slow.response.resume();
    await settle();
    const numbers = (text: string) =>
      [...text.matchAll(/X-Frame-Number: (\d+)/g)].map(([, number]) => Number(number));
    expect(numbers(quick.response.text)).toEqual([1, 2, 3, 4, 5]);
    expect(numbers(slow.response.text)).toEqual([1, 5]);
  });

  test("that accepts nothing for ten seconds is disconnected, and its seat is free", async () => {
    const { response, gone } = join(true, 100);
    response.pause();
    stream.send(picture(1, 200));
    await clock.advance(9000);
    expect(gone()).toBe(0);
    await clock.advance(3000);
    expect(gone()).toBe(1);
    expect(stream.viewers).toBe(0);
    expect(clock.timers).toBe(0);
  });
});

test("a client that disconnects is counted once", async () => {
  const { response, gone } = join();
  expect(stream.viewers).toBe(1);
  response.destroy();
  await settle();
  stream.send(picture(1));
  expect([gone(), stream.viewers]).toEqual([1, 0]);
});
