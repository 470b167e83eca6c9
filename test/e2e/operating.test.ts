/** What an operator sees: the first lines, refused ports, levels and fields of the log. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { describeWith } from "../setup/suites.ts";
import { freePort } from "./helpers/free-port.ts";
import { runToEndAs, startServer } from "./helpers/server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

test("the first lines name the video port, and a warning says that it moved", async () => {
  const port = await freePort();
  const kept = await startServer("--port", String(port));
  expect(kept.output()).toContain(`Video             port ${port + 1}, UDP and TCP`);
  expect(kept.output()).not.toContain("in use");
  await kept.stop();

  const other = createServer().listen(port + 1);
  await once(other, "listening");
  ends.push(() => other.close());
  const moved = await startServer("--port", String(port));
  ends.push(() => moved.stop());
  const [, to] = /Video {13}port (\d+), UDP and TCP/.exec(moved.output()) ?? [];
  expect(Number(to)).not.toBe(port + 1);
  expect(moved.output()).toContain(
    `Port ${port + 1} is in use, so the video uses port ${to}: open that one in the firewall, or choose one with --rtc-port.`,
  );
});

test.each([["--port"], ["--rtc-port"]])(
  "%s 80 without permission gets one sentence that says what to do",
  async (flag) => {
    const withoutRight = (...own: string[]): [string, ...string[]] =>
      process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-net_bind_service", ...own] : (own as [string]);
    const { code, output } = await runToEndAs(withoutRight, flag, "80");
    expect(output).toBe(
      `rendercast: Port 80 needs a right that this user lacks: choose a port above 1023, such as ${flag} 8080, or give the process the right CAP_NET_BIND_SERVICE.\n`,
    );
    expect(code).toBe(2);
  },
);

describeWith(["systemd"], "the systemd unit", ({ systemd }) => {
  const unit = fileURLToPath(new URL("../../deploy/rendercast.service", import.meta.url));
  const run = (...options: string[]) => spawnSync(systemd, options, { encoding: "utf8" });

  test("loads without a warning, and exposes no more than it needs", () => {
    expect(run("verify", unit)).toMatchObject({ status: 0, stdout: "", stderr: "" });
    // In tenths. What is left: the network, graphics processors, and memory for the code that V8 compiles.
    const { status, stdout } = run("security", "--offline=true", "--threshold=14", "--no-pager", unit);
    expect([status, stdout.split("\n").at(-2)]).toEqual([0, expect.stringContaining("exposure level")]);
  });
});
