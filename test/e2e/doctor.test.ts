import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { freePort } from "./helpers/free-port.ts";
import { runToEnd, startServer } from "./helpers/server.ts";

test("the doctor tries the ports, the encoders and Blender, and says what viewers will meet", async () => {
  const port = await freePort();
  const { code, output } = await runToEnd("doctor", "--port", String(port));
  expect(output).toContain(`✓ Ports      ${port} (TCP) and ${port + 1} (UDP and TCP) are free`);
  expect(output).toMatch(/✓ Encoders +VP8, H\.264/);
  expect(output).toMatch(/[✓·] Blender/);
  expect(output).toMatch(/in this network +video at .*\n +from elsewhere +\S/);
  expect(code).toBe(0);
});

test("the doctor knows a rendercast that runs from another program, and fails where it could not start", async () => {
  // Its first page is not the player: it leads to that of its one stream.
  const server = await startServer("--rtc-port", "0", "--name", "arm");
  const running = await runToEnd(
    "doctor",
    "--port",
    String(server.port),
    "--rtc-port",
    String(await freePort()),
    ...["--name", "arm"],
  );
  await server.stop();
  expect(running.output).toContain(
    "rendercast is running here and accepts viewers, and the stream has a picture",
  );
  expect(running.code).toBe(0);

  const other = createServer().listen(0);
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const taken = await runToEnd("doctor", "--port", String(port));
  other.close();
  expect(taken.output).toContain(`✗ Ports      ${port} is taken by another program`);
  expect(taken.output).toContain(`Choose another port: --port ${port + 10}`);
  expect(taken.code).toBe(1);
});

test("the doctor takes the options of a start, and tells a wrong one as that does", async () => {
  expect(await runToEnd("doctor", "--port", "x")).toMatchObject({
    code: 2,
    output: "rendercast: --port takes a whole number from 0 to 65535, not 'x'.\n",
  });
});
