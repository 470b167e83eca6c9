import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterEach, expect, test } from "vitest";
import { describeWith } from "../setup/suites.ts";
import { ended } from "./helpers/child.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { eventually, followTelemetry } from "./helpers/telemetry.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const TOKEN = "correct-horse-battery";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serve(...options: string[]): Promise<ServerProcess> {
  const server = await startServer(...options);
  ends.push(() => server.stop());
  return server;
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "rendercast-data-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

describeWith(["python"], "the Python client", ({ python }) => {
  const start = (args: readonly string[], env: Record<string, string> = {}): ChildProcess => {
    const path = { PYTHONPATH: join(root, "clients/python"), PYTHONDONTWRITEBYTECODE: "1" };
    const child = spawn(python, args, { cwd: root, env: { ...process.env, ...path, ...env } });
    ends.push(() => child.kill("SIGKILL"));
    return child;
  };
  const run = (script: string, ...args: string[]) =>
    ended(start(["-c", `import rendercast, sys, time\n${script}`, ...args]));

  /** The colour in the middle of a stream's picture. */
  const colourOf = async (server: ServerProcess, name: string) => {
    const shown = await eventually(async () => {
      const answer = await fetch(`${server.url}/streams/${name}/snapshot.jpg`);
      expect(answer.status).toBe(200);
      return answer;
    });
    const { data, info } = await sharp(await shown.arrayBuffer())
      .raw()
      .toBuffer({ resolveWithObject: true });
    const middle = Math.floor(data.length / 2 / info.channels) * info.channels;
    return [...data.subarray(middle, middle + 3)].map((level) => Math.round(level / 50) * 50);
  };

  test("sends files, pixels and images of any library, and imports none", async () => {
    const server = await serve();
    const folder = emptyFolder();
    const red = { width: 16, height: 8, channels: 3, background: { r: 200, g: 50, b: 0 } } as const;
    await sharp({ create: red })
      .jpeg({ quality: 100, chromaSubsampling: "4:4:4" })
      .toFile(join(folder, "red.jpg"));
    await sharp({ create: red }).png().toFile(join(folder, "red.png"));
    const script = `
class Image:  # as those of PIL
    mode, size = "P", (16, 8)
    def convert(self, mode):
        assert mode == "RGB"
        return self
    def tobytes(self):
        return bytes((200, 50, 0)) * 128
class Array:  # as those of numpy
    dtype, itemsize = "uint8", 1
    def __init__(self, *shape, pixel):
        self.shape, self.pixel = shape, pixel
    def tobytes(self):
        return bytes(self.pixel) * (self.shape[0] * self.shape[1])
url, folder = sys.argv[1:]
pictures = {
    "jpeg": [open(folder + "/red.jpg", "rb").read()],
    "png": [bytearray(open(folder + "/red.png", "rb").read())],
    "pil": [Image()],
    "rgb": [Array(8, 16, 3, pixel=(200, 50, 0))],
    "rgba": [Array(8, 16, 4, pixel=(200, 50, 0, 255))],
    "bgr": [Array(8, 16, 3, pixel=(0, 50, 200)), "bgr"],
    "bgra": [Array(8, 16, 4, pixel=(0, 50, 200, 255)), "bgr"],
    "grey": [Array(8, 16, pixel=(100,))],
    "grey1": [Array(8, 16, 1, pixel=(100,))],
    "view": [memoryview(bytes((200, 50, 0)) * 128).cast("B", (8, 16, 3))],
}
for name, (picture, *order) in pictures.items():
    with rendercast.Publisher(url, name) as stream:
        stream.publish(picture, {"name": name}, order=order[0] if order else "rgb")
assert not {"numpy", "PIL"} & set(sys.modules)
print(*pictures)
`;
    const { code, stdout, stderr } = await run(script, server.url, folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const name of stdout.trim().split(" ")) {
      expect([name, await colourOf(server, name)]).toEqual([
        name,
        name.startsWith("grey") ? [100, 100, 100] : [200, 50, 0],
      ]);
      const told = await followTelemetry(server, name);
      await eventually(() => expect(told).toMatchObject([{ number: 1, data: { name } }]));
      expect((await server.info(name)).state.kind).toBe("ended");
    }
  });

  test("says what is wrong with a picture, data, a name or an address", async () => {
    const script = `
class Array:
    def __init__(self, dtype, *shape):
        self.dtype, self.shape, self.itemsize = dtype, shape, 1
    def tobytes(self):
        return b""
stream = rendercast.Publisher("http://localhost:9")
tries = [
    lambda: stream.publish(b"GIF89a"), lambda: stream.publish("img.jpg"), lambda: stream.publish(b"\\xff\\xd8\\xff", order="brg"),
    lambda: stream.publish(Array("float64", 2, 2, 3)), lambda: stream.publish(Array("uint8", 2, 2, 2)),
    lambda: stream.publish(Array("uint8", 0, 2, 3)), lambda: stream.publish(Array("uint8", 5)),
    lambda: stream.publish_data([1]), lambda: stream.publish_data({1: 2}), lambda: stream.publish_data({"a": float("nan")}),
    lambda: stream.publish_data({"a": [float("inf")]}), lambda: stream.publish_data({"a": object()}),
    lambda: stream.publish_data({"a": "x" * 17000}), lambda: rendercast.Publisher("localhost:8080"),
    lambda: rendercast.Publisher("http://localhost/path"), lambda: rendercast.Publisher(stream="../x"),
    lambda: rendercast.Publisher(token="a b"),
]
loop = {}
loop["loop"] = loop
tries.append(lambda: stream.publish_data(loop))
for attempt in tries:
    try:
        attempt()
        print("taken")
    except ValueError as error:
        print(error)
`;
    const { code, stdout, stderr } = await run(script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.trim().split("\n");
    expect(lines).toHaveLength(18);
    for (const line of lines) expect(line).toMatch(/^.{20,200}\.$/);
    expect(stdout).toContain("'a' cannot be sent");
    expect(stdout).toContain("None in place of NaN");
  });

  test("raises the server's reason if it is refused for good, for pictures and for data", async () => {
    const server = await serve("--publish-token", TOKEN, "--trust-this-machine", "off");
    const script = `
pixels = memoryview(bytes(12)).cast("B", (2, 2, 3))
for publish in (lambda stream: stream.publish(pixels), lambda stream: stream.publish_data({"a": 1})):
    stream = rendercast.Publisher(sys.argv[1], token="wrong")
    try:
        while True:
            publish(stream)
            time.sleep(0.01)
    except rendercast.RefusedError as error:
        print(error)
with rendercast.Publisher(sys.argv[1], token="${TOKEN}") as stream:
    stream.publish(pixels, {"a": 1})
print("ok", stream.problem)
`;
    const { code, stdout } = await run(script, server.url);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^(The server refuses this publisher \(403\): [A-Z].*\.\n){2}ok \n$/);
  });

  test("publishes over the Unix socket, and data alone to a stream with another source", async () => {
    const folder = emptyFolder();
    const socket = join(folder, "ingest.sock");
    const server = await serve("--folder", folder, "--ingest-socket", socket);
    const told = await followTelemetry(server);
    const script = `
with rendercast.Publisher("unix:" + sys.argv[1]) as data, rendercast.Publisher("unix:" + sys.argv[1], "camera") as camera:
    camera.publish(memoryview(bytes(12)).cast("B", (2, 2, 3)), {"first": 1})
    for sample in range(5):
        data.publish_data({"sample": sample, "name": "é"})
        time.sleep(0.06)
`;
    const { code, stderr } = await run(script, socket);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    await eventually(() => expect(told.at(-1)?.data).toEqual({ sample: 4, name: "é" }));
    const camera = await followTelemetry(server, "camera");
    await eventually(() => expect(camera.at(-1)?.data).toEqual({ first: 1 }));
  });

  test("sends the newest picture, loses no data, and comes back to a server that restarts", async () => {
    const first = await serve();
    const script = `
pixels = memoryview(bytes(1200 * 900 * 3)).cast("B", (900, 1200, 3))
with rendercast.Publisher(sys.argv[1], "robot") as stream:
    for number in range(200):
        stream.publish(pixels, {"number": number, **({"once": True} if number == 150 else {})})
    print("sent", flush=True)
    while not sys.stdin.readline():
        pass
    for number in range(1000):
        stream.publish(pixels, {"again": number})
        time.sleep(0.02)
        if number > 20 and stream.problem == "":
            break
`;
    const child = start(["-c", `import rendercast, sys, time\n${script}`, first.url]);
    const all = ended(child);
    const told = await followTelemetry(first, "robot");
    await eventually(() => expect(told.at(-1)?.data.number).toBe(199));
    expect(told.some(({ data }) => data.once === true)).toBe(true);
    expect(told.length).toBeLessThan(200);
    await first.stop();
    const second = await serve("--port", String(first.port));
    child.stdin?.end("\n");
    const again = await followTelemetry(second, "robot");
    await eventually(() => expect(again.at(-1)?.data.again).toBeGreaterThan(0));
    const { code, stderr } = await all;
    expect(code).toBe(0);
    expect(stderr).toMatch(/retrying/i);
  });

  test("runs the example of a robot's loop", async () => {
    const server = await serve();
    start(["examples/robot-loop/robot_loop.py", server.url, "arm"]);
    const told = await followTelemetry(server, "arm");
    await eventually(() => expect(told.length).toBeGreaterThan(5));
    for (const { data } of told)
      expect(data).toEqual({
        shoulder: expect.any(Number),
        gripper: expect.stringMatching(/^(open|closed)$/),
      });
    expect((await fetch(`${server.url}/streams/arm/snapshot.jpg`)).status).toBe(200);
  });
});
