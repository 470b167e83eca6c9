/** A burst that the system's send buffer does not hold, on a link that is slower than this machine. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isCi } from "../setup/plan.ts";
import { describeWith } from "../setup/suites.ts";
import type { BurstRequest, BurstResult } from "./helpers/burst.ts";
import { Lab, type Namespace, namespaceObstacle } from "./helpers/namespaces.ts";

const SCRIPT = fileURLToPath(new URL("./helpers/burst.ts", import.meta.url));
const SERVER = "10.9.0.1";
const VIEWER = "10.9.0.2";

const VIEWERS = 20;
/** A keyframe of 100 KB. */
const PACKETS = 84;
const BURST_BYTES = VIEWERS * PACKETS * 1224;

/** What SO_SNDBUF gives where net.core.wmem_max has its usual value. */
const USUAL_SEND_BUFFER = 212_992;

describeWith(["ip", "nft"], "a link slower than a burst", ({ ip, nft }) => {
  const obstacle = ip === "" ? "" : namespaceObstacle({ ip, nft });
  if (obstacle && isCi(process.env)) throw new Error(`In CI nothing is left out, but ${obstacle}.`);
  if (obstacle) console.warn(`Left out: a link slower than a burst, since ${obstacle}.`);

  describe.skipIf(obstacle !== undefined)("", () => {
    let lab: Lab;
    let server: Namespace;

    beforeAll(() => {
      lab = new Lab({ ip, nft });
      server = lab.namespace("server");
      const viewer = lab.namespace("viewer");
      lab.cable(server, "out", viewer, "in");
      server.up("out", `${SERVER}/24`);
      viewer.up("in", `${VIEWER}/24`);
      // Nobody answers for unused ports: their ICMP errors would be read as the link's.
      viewer.route(`table inet t {
        chain in {
          type filter hook input priority 0;
          udp dport 20000-20100 drop
        }
      }`);
    });
    afterAll(() => lab?.close());

    function run(...command: string[]): string {
      const [program, ...parameters] = server.command(...command);
      return execFileSync(program, parameters, { encoding: "utf8" });
    }

    /** What the link has carried. */
    function carried(): { bytes: number; drops: number } {
      const [qdisc] = JSON.parse(run("tc", "-s", "-j", "qdisc", "show", "dev", "out"));
      return qdisc;
    }

    test.each([
      ["1gbit", "native"],
      ["200mbit", "native"],
      ["50mbit", "native"],
      ["50mbit", "plain"],
    ] as const)("at %s the %s form loses nothing", (rate, form) => {
      const limit = ["rate", rate, "burst", "64kb", "limit", "20mb"];
      server.run("tc", "qdisc", "replace", "dev", "out", "root", "tbf", ...limit);
      const before = carried();
      const burst = { host: SERVER, to: VIEWER, viewers: VIEWERS, packets: PACKETS, rest: 1000 };
      const request: BurstRequest = { form, sendBuffer: USUAL_SEND_BUFFER, ...burst };
      const { dropped }: BurstResult = JSON.parse(run(process.execPath, SCRIPT, JSON.stringify(request)));
      const after = carried();
      expect(dropped).toBe(0);
      expect(after.drops - before.drops).toBe(0);
      expect(after.bytes - before.bytes).toBeGreaterThanOrEqual(BURST_BYTES);
    });
  });
});
