/** A forward by WHIP on an uplink that does not carry the full rendition. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { isCi } from "../setup/plan.ts";
import { describeWith } from "../setup/suites.ts";
import { Lab, type Namespace, namespaceObstacle } from "./helpers/namespaces.ts";
import { startServerAs } from "./helpers/server.ts";

const ENDPOINT = fileURLToPath(new URL("./helpers/whip-endpoint.ts", import.meta.url));
const SERVER = "10.9.0.1";
const SFU = "10.9.0.2";
const SFU_PORT = 8090;

describeWith(["ip", "nft"], "a narrow uplink", ({ ip, nft }) => {
  const obstacle = ip === "" ? "" : namespaceObstacle({ ip, nft });
  if (obstacle && isCi(process.env)) throw new Error(`In CI nothing is left out, but ${obstacle}.`);
  if (obstacle) console.warn(`Left out: a narrow uplink, since ${obstacle}.`);

  describe.skipIf(obstacle !== undefined)("", () => {
    const ends: (() => unknown)[] = [];
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end();
    });

    function network(): { server: Namespace; sfu: Namespace } {
      const lab = new Lab({ ip, nft });
      ends.push(() => lab.close());
      const [server, sfu] = [lab.namespace("server"), lab.namespace("sfu")];
      lab.cable(server, "out", sfu, "in");
      server.up("out", `${SERVER}/24`);
      sfu.up("in", `${SFU}/24`);
      return { server, sfu };
    }

    test("gets a lower rendition of a WHIP forward, which requests hardly any keyframes of the full one", async () => {
      const { server: home, sfu } = network();
      const endpoint = sfu.command(process.execPath, ENDPOINT, SFU, String(SFU_PORT));
      const [program, ...parameters] = endpoint;
      const child = spawn(program, parameters, { stdio: ["ignore", "pipe", "inherit"] });
      ends.push(() => child.kill("SIGKILL"));
      await once(child.stdout, "data");
      home.run(
        "tc",
        "qdisc",
        "add",
        "dev",
        "out",
        "root",
        "tbf",
        "rate",
        "1mbit",
        "burst",
        "4kb",
        "limit",
        "30kb",
      );
      const server = await startServerAs(
        (...command) => home.command(...command),
        ...["--host", "0.0.0.0", "--size", "960x540", "--bitrate", "4000", "--codecs", "vp8"],
        ...["--forward", `whip+http://${SFU}:${SFU_PORT}/`, "--forward-renditions", "1"],
      );
      ends.push(() => server.stop());
      const [get, ...ask] = home.command(
        process.execPath,
        "-e",
        `fetch("http://127.0.0.1:${server.port}/metrics").then((a) => a.text()).then(console.log)`,
      );
      /** Frames that were encoded so far, as `vp8/2 delta`. */
      async function encoded(): Promise<Map<string, number>> {
        const asking = spawn(get, ask, { stdio: ["ignore", "pipe", "inherit"] });
        let text = "";
        for await (const chunk of asking.stdout) text += chunk;
        const lines = text.matchAll(
          /^rendercast_encoded_frames_total\{rendition="([^"]*)",type="([^"]*)"[^}]*\} (\d+)$/gm,
        );
        return new Map(
          [...lines].map(([, rendition, type, count]) => [`${rendition} ${type}`, Number(count)]),
        );
      }
      const reduced = (counts: Map<string, number>) =>
        [...counts].reduce((sum, [name, count]) => sum + (/^vp8\/[1-9]/.test(name) ? count : 0), 0);

      await vi.waitFor(async () => expect(reduced(await encoded())).toBeGreaterThan(30), {
        timeout: 30_000,
        interval: 500,
      });
      const before = await encoded();
      await vi.waitFor(async () => expect(reduced(await encoded())).toBeGreaterThan(reduced(before) + 60), {
        timeout: 30_000,
        interval: 500,
      });
      const after = await encoded();
      const ofFull = (counts: Map<string, number>) => counts.get("vp8/0 key") ?? 0;
      // One when it began; perhaps one more before the uplink was known, and one of a step up that failed.
      expect(ofFull(before)).toBeLessThanOrEqual(2);
      expect(ofFull(after)).toBeLessThanOrEqual(ofFull(before) + 1);
    });
  });
});
