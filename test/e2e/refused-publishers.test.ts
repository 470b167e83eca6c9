import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { CLOSING, IDLE } from "../helpers/multipart-writer.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

let server: ServerProcess;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

const names = async () =>
  (await (await fetch(`${server.url}/streams`)).json()).map(({ name }: { name: string }) => name);

const post = async (name: string, type: string, body: string | Uint8Array<ArrayBuffer>) => {
  const headers = { "Content-Type": type };
  const answer = await fetch(`${server.url}/streams/${name}`, { method: "POST", headers, body });
  return { status: answer.status, text: await answer.text() };
};

test.each([
  [
    "a picture alone, as curl sends it",
    "application/x-www-form-urlencoded",
    400,
    /should begin with a boundary/,
  ],
  ["a picture of its own type", "image/jpeg", 415, /^Publish as multipart/],
  ["a form", "multipart/form-data; boundary=frame", 415, /not as a form/],
])("%s is refused with a sentence, and makes no stream", async (_, type, status, sentence) => {
  const body = type.startsWith("multipart")
    ? '--frame\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--frame--\r\n'
    : new Uint8Array([0xff, 0xd8, 0xff, 0x0a, 0x00]);
  expect(await post("x", type, body)).toEqual({ status, text: expect.stringMatching(sentence) });
  expect(await names()).toEqual(["main"]);
});

test("an empty body is refused too, and a body of keep-alives alone creates a stream", async () => {
  expect(await post("x", "multipart/x-mixed-replace; boundary=frame", "")).toMatchObject({ status: 400 });
  expect(await names()).toEqual(["main"]);
  const publisher = new TestPublisher(`${server.url}/streams/x`);
  await publisher.send(IDLE);
  await vi.waitFor(async () => expect(await names()).toEqual(["main", "x"]));
  expect(await publisher.end(CLOSING)).toMatchObject({ status: 204 });
  expect(await names()).toEqual(["main", "x"]);
});

test("the start and end of a publisher are logged with the stream's name", async () => {
  const publisher = new TestPublisher(`${server.url}/streams/film`);
  await publisher.send(IDLE);
  await vi.waitFor(() =>
    expect(server.output()).toMatch(/film: a publisher at (127\.0\.0\.1|::1) connected\.\n/),
  );
  publisher.destroy();
  await vi.waitFor(() =>
    expect(server.output()).toMatch(/film: the publisher at \S+ lost its connection\.\n/),
  );
});

const address = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

test.skipIf(address === undefined)("without a token the server says how it gets one", async () => {
  const elsewhere = `http://${address}:${server.port}/streams/main`;
  for (const [headers, status] of [
    [{}, 401],
    [{ Authorization: "Bearer correct-horse-battery" }, 403],
  ] as const) {
    const answer = await new TestPublisher(elsewhere, headers).answer;
    expect(answer).toMatchObject({
      status,
      text: expect.stringMatching(/Start rendercast with --publish-token/),
    });
  }
});
