/** What `/metrics`, the alert rules and the log tell of the parts that a server depends on. */
import { type ChildProcess, execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { VIEWER_OFFER } from "../helpers/offer.ts";
import { describeWith } from "../setup/suites.ts";
import { freePort } from "./helpers/free-port.ts";
import { redisAddress, startRedis } from "./helpers/redis.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const PROMETHEUS = fileURLToPath(new URL("../../deploy/prometheus/", import.meta.url));
const RULES = `${PROMETHEUS}rendercast.rules.yml`;

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly stream?: string;
}

describeWith(
  ["redis", "promtool"],
  "a server with Redis, another server and forwards",
  ({ redis, promtool }) => {
    let redisPort: number;
    let store: ChildProcess;
    let [server, other]: (ServerProcess | undefined)[] = [];
    let closedPort: number;

    const metrics = async () => (await fetch(`${server?.url}/metrics`)).text();
    const lines = (): Line[] =>
      (server?.output() ?? "")
        .split("\n")
        .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
    const logged = (text: string) =>
      vi.waitUntil(() => lines().find(({ msg }) => msg.includes(text)), { timeout: 15_000, interval: 100 });

    beforeAll(async () => {
      redisPort = await freePort();
      closedPort = await freePort();
      store = startRedis(redis, redisPort);
      const common = ["--redis", redisAddress(redisPort), "--host", "127.0.0.1"];
      const forward = `rtp://127.0.0.1:${closedPort},whip+http://127.0.0.1:${closedPort}/a-secret-path`;
      [server, other] = await Promise.all([
        startServer(...common, "--log-format", "json", "--log-level", "debug", "--forward", forward),
        startServer(...common),
      ]);
    });
    afterAll(async () => {
      await Promise.all([server?.stop(), other?.stop()]);
      store?.kill();
    });

    test("measures them", async () => {
      await vi.waitFor(async () => expect(await metrics()).toContain("\nrendercast_peers 1\n"), {
        timeout: 15_000,
      });
      await logged("nothing receives RTP there");
      const text = await metrics();
      expect(text).toContain("\nrendercast_redis_up 1\n");
      const target = `127.0.0.1:${closedPort}`;
      expect(text).toContain(`rendercast_forward_up{forward="1",kind="rtp",target="${target}"} 0`);
      expect(text).toContain(`rendercast_forward_up{forward="2",kind="whip",target="${target}"} 0`);
      expect(text).toMatch(/rendercast_log_lines_total\{level="warn"\} [1-9]/);
      expect(text).not.toContain("a-secret-path");
    });

    test("has metrics that promtool accepts, including all that the alert rules use", async () => {
      const text = await metrics();
      const { stdout, stderr } = spawnSync(promtool, ["check", "metrics"], { input: text, encoding: "utf8" });
      // Node's own names come from prom-client.
      const faults = `${stdout}${stderr}`.split("\n").filter((line) => line.startsWith("rendercast_"));
      expect(faults).toEqual([]);
      const used = readFileSync(RULES, "utf8").matchAll(/\b(?:rendercast|nodejs|process)_[a-z0-9_]+/g);
      const names = new Set([...used].map(([name]) => name));
      names.delete("rendercast_tls_certificate_end_seconds");
      for (const name of names) expect(text).toContain(name.replace(/_(sum|count|bucket)$/, ""));
    });

    test("logs a failure at level warn, with the name of its stream", async () => {
      expect(await logged("does not work: it cannot be reached")).toMatchObject({
        level: "warn",
        stream: "main",
      });
      expect(await logged("nothing receives RTP there")).toMatchObject({ level: "warn", stream: "main" });
      await other?.stop();
      store.kill();
      expect(await logged("Redis does not answer")).toMatchObject({ level: "warn" });
      await vi.waitFor(async () => expect(await metrics()).toContain("\nrendercast_redis_up 0\n"));
    });

    test("never logs the address of a viewer, joined or refused", async () => {
      // All of 127.0.0.0/8 is this machine; no other line has this address.
      const localAddress = "127.7.7.7";
      const { port = 0 } = server ?? {};
      for (const path of [
        "/streams/main/mjpeg",
        "/streams/none/mjpeg",
        "/streams/main/viewers",
        "/metrics",
      ]) {
        const request = get({
          host: "127.0.0.1",
          port,
          path,
          localAddress,
          headers: { Host: "evil.example" },
        });
        const [response] = await once(request, "response");
        response.destroy();
      }
      const watching = get({ host: "127.0.0.1", port, path: "/streams/main/mjpeg", localAddress });
      const [response] = await once(watching, "response");
      await once(response, "data");
      response.destroy();
      const offer = { method: "POST", headers: { "Content-Type": "application/sdp" }, body: VIEWER_OFFER };
      await fetch(`${server?.url}/streams/main/whep`, offer);
      await logged("watches by MJPEG");
      await logged("was refused");
      expect(server?.output()).not.toContain(localAddress);
      for (const { msg, stream } of lines()) if (/^main: /.test(msg)) expect(stream).toBe("main");
    });
  },
);

describeWith(["promtool"], "the files for Prometheus", ({ promtool }) => {
  const run = (...options: string[]) => execFileSync(promtool, options, { encoding: "utf8", stdio: "pipe" });

  test("are a configuration and rules that promtool accepts", () => {
    expect(run("check", "config", "--syntax-only", `${PROMETHEUS}prometheus.yml`)).toContain("SUCCESS");
    expect(run("check", "rules", RULES)).toContain("SUCCESS");
  });

  test("raise each alert for its fault, and none for a healthy server", () => {
    const tests = fileURLToPath(new URL("helpers/rendercast.rules.test.yml", import.meta.url));
    expect(run("test", "rules", tests)).toContain("SUCCESS");
  });
});
