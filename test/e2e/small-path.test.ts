/** Viewers on paths with a small MTU: the picture comes, and in packets that fit. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { SEND_BUFFER } from "../../src/transport/io/io.ts";
import { launchChromiumIn } from "../helpers/browser.ts";
import { isCi } from "../setup/plan.ts";
import { describeWith } from "../setup/suites.ts";
import type { BurstRequest, BurstResult } from "./helpers/burst.ts";
import { Lab, type Namespace, namespaceObstacle } from "./helpers/namespaces.ts";
import { openPlayer, waitForState } from "./helpers/player.ts";
import { startServerAs } from "./helpers/server.ts";
import { framesDecoded, keepPeerConnections, noticesNothing } from "./helpers/undisturbed.ts";

const SERVER = "10.9.1.2";
const VIEWER = "10.9.2.2";

const BURST = fileURLToPath(new URL("./helpers/burst.ts", import.meta.url));

/** Before the kernel puts fragments together again. */
const NO_FRAGMENTS = `
  table inet filter {
    chain early {
      type filter hook prerouting priority -450
      ip frag-off & 0x3fff != 0 drop
    }
  }`;

describeWith(["chromium", "ip", "nft"], "a path with a small MTU", ({ chromium, ip, nft }) => {
  const obstacle = ip === "" ? "" : namespaceObstacle({ ip, nft });
  if (obstacle && isCi(process.env)) throw new Error(`In CI nothing is left out, but ${obstacle}.`);
  if (obstacle) console.warn(`Left out: a path with a small MTU, since ${obstacle}.`);

  describe.skipIf(obstacle !== undefined)("", () => {
    let lab: Lab;
    const ends: (() => unknown)[] = [];

    beforeAll(() => {
      lab = new Lab({ ip, nft });
    });
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end();
    });
    afterAll(() => lab?.close());

    function setMtu({ name }: Namespace, device: string, bytes: number): void {
      execFileSync(ip, ["-n", name, "link", "set", device, "mtu", String(bytes)]);
    }

    /** Datagrams that this machine has cut into IP fragments. */
    function fragmented(namespace: Namespace): number {
      const [program, ...parameters] = namespace.command("cat", "/proc/net/snmp");
      const [names, values] = execFileSync(program, parameters, { encoding: "utf8" })
        .split("\n")
        .map((line) => line.split(" "));
      return Number(values?.[names?.indexOf("FragOKs") ?? 0]);
    }

    /** Serves the built-in scene, and opens its page in a browser that has UDP alone. */
    async function watch(from: Namespace, at: Namespace, url: string): Promise<Page> {
      const server = await startServerAs(
        (...command) => from.command(...command),
        "--port",
        "8080",
        "--host",
        "0.0.0.0",
      );
      ends.push(() => server.stop());
      const browser: Browser = await launchChromiumIn(at.name, chromium);
      ends.push(() => browser.close());
      const page = await openPlayer(browser, url, keepPeerConnections);
      await waitForState(page, "live");
      return page;
    }

    test.each([
      [1200, "native"],
      [576, "native"],
      [1200, "plain"],
      [576, "plain"],
    ] as const)("of %i bytes takes full packets of the %s form too, in fragments", (mtu, form) => {
      const machine = lab.namespace(`${form}${mtu}`);
      setMtu(machine, "lo", mtu);
      const about = { host: "127.0.0.1", to: "127.0.0.1", viewers: 3, packets: 40, rest: 300 };
      const request: BurstRequest = { form, sendBuffer: SEND_BUFFER, ...about };
      const [program, ...parameters] = machine.command(process.execPath, BURST, JSON.stringify(request));
      const result: BurstResult = JSON.parse(execFileSync(program, parameters, { encoding: "utf8" }));
      expect(result).toEqual({ dropped: 0, received: 120 });
    });

    test.each([1200, 576])("of %i bytes shows the picture without fragmentation", async (mtu) => {
      const machine = lab.namespace(`mtu${mtu}`);
      // A browser leaves out loopback addresses. To one of its own, a machine sends by `lo` too.
      lab.cable(machine, "out", lab.namespace(`beyond${mtu}`), "in");
      machine.up("out", `${SERVER}/24`);
      setMtu(machine, "lo", mtu);
      const page = await watch(machine, machine, `http://${SERVER}:8080/`);
      const before = fragmented(machine);
      await noticesNothing(page);
      expect(fragmented(machine) - before).toBe(0);
    });

    test("is learned in mid-stream when a router answers that fragmentation is needed", async () => {
      const [server, router, viewer] = ["server", "router", "viewer"].map((name) => lab.namespace(name)) as [
        Namespace,
        Namespace,
        Namespace,
      ];
      for (const [end, device, address] of [
        [server, "left", SERVER],
        [viewer, "right", VIEWER],
      ] as const) {
        const gateway = address.replace(/2$/, "1");
        lab.cable(router, device, end, "out");
        router.up(device, `${gateway}/24`);
        end.up("out", `${address}/24`);
        end.defaultRoute(gateway);
      }
      router.route("");
      viewer.route(NO_FRAGMENTS);
      const page = await watch(server, viewer, `http://${SERVER}:8080/`);
      await noticesNothing(page);
      setMtu(router, "right", 600);
      // The next packets are too large: their frames are lost, and an ICMP message tells why.
      const before = await framesDecoded(page);
      await vi.waitFor(async () => expect(await framesDecoded(page)).toBeGreaterThan(before + 60), 20_000);
      const [program, ...parameters] = server.command(ip, "route", "get", VIEWER);
      expect(execFileSync(program, parameters, { encoding: "utf8" })).toContain("mtu 600");
      await noticesNothing(page);
    });
  });
});
