import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { describeWith } from "../setup/suites.ts";
import { freePort } from "./helpers/free-port.ts";
import { redisAddress, startRedis } from "./helpers/redis.ts";
import { MAIN, runToEnd, runToEndAs, startServer } from "./helpers/server.ts";

test("the doctor tries the ports, the encoders and Blender, and says what to expect", async () => {
  const port = await freePort();
  const { code, output } = await runToEnd("doctor", "--port", String(port));
  expect(output).toContain(`✓ Ports      ${port} (TCP) and ${port + 1} (UDP and TCP) are free`);
  expect(output).toMatch(/✓ Encoders +VP8, H\.264/);
  expect(output).toMatch(/[✓·] Blender/);
  expect(output).toMatch(/in this network +video at .*\n +from elsewhere +\S/);
  expect(code).toBe(0);
});

test("the doctor recognizes a running rendercast, and fails if another program holds the port", async () => {
  // Its first page is not the player: it redirects to the page of its only stream.
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

test("the doctor takes the server's options, and reports a wrong one like the server", async () => {
  expect(await runToEnd("doctor", "--port", "x")).toMatchObject({
    code: 2,
    output: "rendercast: --port takes a whole number from 0 to 65535, not 'x'.\n",
  });
});

test("the doctor finds a dead Redis, dead forwards and a missing folder, and keeps their secrets", async () => {
  const [port, dead] = [await freePort(), await freePort()];
  const { code, output } = await runToEnd(
    ...["doctor", "--port", String(port), "--redis", redisAddress(dead), "--folder", "/no/such/folder"],
    ...["--forward", `rtp://127.0.0.1:${dead},whip+http://127.0.0.1:${dead}/a-secret-path`],
  );
  expect(output).toContain(`✗ Redis      127.0.0.1:${dead} does not work: ECONNREFUSED`);
  expect(output).toContain(`✗ Forward    nothing receives RTP at 127.0.0.1:${dead}`);
  expect(output).toContain(`✗ Forward    127.0.0.1:${dead} cannot be reached: ECONNREFUSED`);
  expect(output).toContain("✗ Folder     The folder /no/such/folder does not exist: create it");
  expect(output).not.toMatch(/a-secret/);
  expect(code).toBe(1);
});

describeWith(["redis"], "the doctor with Redis", ({ redis }) => {
  test("sees that it answers", async () => {
    const port = await freePort();
    const store = startRedis(redis, port);
    await once(store.stdout ?? store, "data");
    const { output } = await runToEnd(
      "doctor",
      "--port",
      String(await freePort()),
      "--redis",
      redisAddress(port),
    );
    store.kill();
    expect(output).toContain(`✓ Redis      127.0.0.1:${port} answers`);
  });
});

test("the doctor says what keeps the server from starting: a certificate that is not there", async () => {
  const { code, output } = await runToEnd(
    "doctor",
    "--port",
    "0",
    "--tls-cert",
    "/none.pem",
    "--tls-key",
    "/none.pem",
  );
  expect(output).toContain("✗ TLS        --tls-cert takes a certificate in PEM, and there is no /none.pem");
  expect(output).toMatch(/in this network +nothing/);
  expect(code).toBe(1);
});

test("the doctor behind a proxy asks for its port, and not for that of the page", async () => {
  const port = await freePort();
  const server = await startServer("--port", String(port), "--trust-proxy", "127.0.0.1");
  const proxied = [
    "--trust-proxy",
    "127.0.0.1",
    "--public-host",
    "proxy.invalid",
    "--announce",
    "203.0.113.7",
  ];
  const { code, output } = await runToEnd("doctor", "--port", String(port), ...proxied);
  await server.stop();
  expect(output).toMatch(/✗ Proxy +https:\/\/proxy\.invalid cannot be reached: /);
  expect(output).toContain("if ports 443 of the proxy (TCP) and");
  expect(code).toBe(1);
});

test("the doctor notices that the video of a running server moved to another port", async () => {
  const port = await freePort();
  const other = createServer().listen(port + 1);
  await once(other, "listening");
  const server = await startServer("--port", String(port));
  other.close();
  const [, moved] = /Video +port (\d+)/.exec(server.output()) ?? [];
  const { code, output } = await runToEnd("doctor", "--port", String(port));
  await server.stop();
  expect(output).toContain(`· Video port ${moved} answers over UDP; it is not ${port + 1}`);
  expect(output).toContain(`Open port ${moved} (UDP and TCP), or free ${port + 1} and restart the server.`);
  expect(code).toBe(0);
});

test("the doctor notices that koffi is not installed", async () => {
  const hook = `import { registerHooks } from "node:module";
    registerHooks({ resolve: (name, context, next) => {
      if (name === "koffi") throw new Error("Cannot find package 'koffi'");
      return next(name, context);
    } });`;
  const withoutKoffi = (node: string, ...rest: string[]): [string, ...string[]] => [
    node,
    "--import",
    `data:text/javascript,${encodeURIComponent(hook)}`,
    ...rest,
  ];
  const { output } = await runToEndAs(withoutKoffi, "doctor", "--port", "0");
  expect(output).toContain("· Sending    by plain Node");
  expect(output).toContain("the optional package koffi is not installed");
});

describeWith(["ip", "nft"], "the doctor beside a server whose video port is blocked", () => {
  test.skipIf(process.getuid?.() !== 0)(
    "says that UDP arrives, and once it is blocked, that it does not",
    async () => {
      const script = `
      ip link set lo up
      "$0" "$1" --host 127.0.0.1 --log-format json >/dev/null &
      # The doctor tries the ports itself, so the server must have them first.
      until "$0" "\${1%main.ts}start.ts" healthcheck --host 127.0.0.1 >/dev/null; do sleep 0.2; done
      "$0" "$1" doctor --host 127.0.0.1
      nft 'table inet filter { chain input { type filter hook input priority 0; udp dport 8081 drop; }; }'
      "$0" "$1" doctor --host 127.0.0.1
      kill %1 2>/dev/null || kill $!`;
      const inNamespace = (node: string): [string, ...string[]] => [
        "unshare",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        script,
        node,
        MAIN,
      ];
      const { output } = await runToEndAs(inNamespace);
      expect(output).toContain("✓ Video port 8081 answers over UDP");
      expect(output).toContain("✗ Video port no answer over UDP at 127.0.0.1:8081");
      expect(output).toContain("Allow UDP to port 8081 in the firewall of this machine");
    },
  );
});
