/** Two network namespaces on this machine with a link of ours between them (Linux, root). */
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Counts, Path } from "./link.ts";
import type { WireEnds, WireOrder, WireReport } from "./wire.ts";

const PREFIX = "rendercast-bench-";
const DEVICE = "link";
const NETWORK = "10.231.77.0/30";

/** Where each end is; the names carry our process, so that two benches do not meet. */
export const SERVER = { namespace: `${PREFIX}${process.pid}-server`, address: "10.231.77.1" };
export const VIEWER = { namespace: `${PREFIX}${process.pid}-viewer`, address: "10.231.77.2" };

/** Why this machine cannot do it, with what to do about that; undefined where it can. */
export function obstacle(): string | undefined {
  if (process.platform !== "linux") return "This bench needs Linux: network namespaces are its own.";
  if (process.getuid?.() !== 0) return "This bench needs root, for network namespaces: run it by sudo.";
  if (!existsSync("/dev/net/tun"))
    return "This machine has no /dev/net/tun: 'modprobe tun', or start the container with '--device /dev/net/tun'.";
  for (const [program, file] of [
    ["ip", "iproute2"],
    ["ping", "iputils-ping"],
  ])
    if (spawnSync(program ?? "", ["-V"]).error)
      return `There is no '${program}' here: 'apt-get install ${file}', or your system's package.`;
  return undefined;
}

export class Network {
  readonly #wire: Worker;

  private constructor(wire: Worker) {
    this.#wire = wire;
  }

  /**
   * @param tcp how TCP finds its rate, such as `cubic`
   * @throws where the machine does not let us.
   */
  static async open(tcp: string): Promise<Network> {
    removeNamespaces();
    // However the process ends.
    process.once("exit", removeNamespaces);
    const ends: WireEnds = [
      { namespace: SERVER.namespace, device: DEVICE },
      { namespace: VIEWER.namespace, device: DEVICE },
    ];
    for (const { namespace } of ends) ip("netns", "add", namespace);
    const wire = new Worker(new URL("./wire.ts", import.meta.url), { workerData: ends });
    await heard(wire);
    for (const { namespace, address } of [SERVER, VIEWER]) {
      // Its routers' and neighbours' talk would count as the lanes' bytes.
      ip("netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1");
      ip("-n", namespace, "addr", "add", `${address}/30`, "dev", DEVICE);
      ip("-n", namespace, "link", "set", "dev", DEVICE, "up");
      ip("-n", namespace, "link", "set", "dev", "lo", "up");
      // By the route: a namespace may not choose from all for itself.
      ip("-n", namespace, "route", "replace", NETWORK, "dev", DEVICE, "src", address, "congctl", tcp);
    }
    return new Network(wire);
  }

  /** From now on the link is this. What was under way is gone. */
  be(paths: readonly [Path, Path], seed: number): void {
    this.#order({ kind: "be", paths, seed });
  }

  /** Lets the rates change as planned from now on. */
  begin(): void {
    this.#order({ kind: "begin" });
  }

  /** From the server to the viewer, and back. */
  async counts(): Promise<readonly [Counts, Counts]> {
    const answer = heard(this.#wire);
    this.#order({ kind: "count" });
    return (await answer) ?? [ZERO, ZERO];
  }

  /** Round trips from the viewer's end, in milliseconds. */
  async ping(count: number): Promise<number[]> {
    const command = ["ping", "-n", "-c", String(count), "-i", "0.005", SERVER.address];
    const { stdout } = spawnSync("ip", ["netns", "exec", VIEWER.namespace, ...command], { encoding: "utf8" });
    return [...stdout.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time));
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#wire.once("exit", resolve));
    this.#order({ kind: "end" });
    await ended;
    removeNamespaces();
  }

  #order(order: WireOrder): void {
    this.#wire.postMessage(order);
  }
}

const ZERO: Counts = { bytes: 0, packets: 0, dropped: 0, lost: 0 };

async function heard(wire: Worker): Promise<WireReport> {
  const [report] = await once(wire, "message");
  return report;
}

function ip(...parameters: string[]): void {
  execFileSync("ip", parameters, { stdio: ["ignore", "ignore", "inherit"] });
}

/** Ours, and those of benches that were killed. */
function removeNamespaces(): void {
  const { stdout } = spawnSync("ip", ["netns", "list"], { encoding: "utf8" });
  for (const [name, pid] of stdout.matchAll(new RegExp(`${PREFIX}(\\d+)-\\w+`, "g"))) {
    if (Number(pid) === process.pid || !existsSync(`/proc/${pid}`)) spawnSync("ip", ["netns", "del", name]);
  }
}
