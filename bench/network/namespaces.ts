/** Two network namespaces with an emulated link between them (Linux, root). */
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Counts, Path } from "./link.ts";
import type { WireEnds, WireReport, WireRequest } from "./wire.ts";

const PREFIX = "rendercast-bench-";
const DEVICE = "link";
const NETWORK = "10.231.77.0/30";

/** The server's end. The names contain the process id, so that two benches can run at once. */
export const SERVER = { namespace: `${PREFIX}${process.pid}-server`, address: "10.231.77.1" };
/** The viewer's end. */
export const VIEWER = { namespace: `${PREFIX}${process.pid}-viewer`, address: "10.231.77.2" };

/** Returns why this machine cannot run the bench, and what to do; undefined if it can. */
export function obstacle(): string | undefined {
  if (process.platform !== "linux") return "This bench needs Linux for its network namespaces.";
  if (process.getuid?.() !== 0) return "This bench needs root for network namespaces. Run it with sudo.";
  if (!existsSync("/dev/net/tun"))
    return "There is no /dev/net/tun. Run 'modprobe tun', or start the container with '--device /dev/net/tun'.";
  for (const [program, file] of [
    ["ip", "iproute2"],
    ["ping", "iputils-ping"],
  ])
    if (spawnSync(program ?? "", ["-V"]).error)
      return `There is no '${program}'. Install it with 'apt-get install ${file}', or your system's package.`;
  return undefined;
}

/** The namespaces and the link between them. */
export class Network {
  readonly #wire: Worker;

  private constructor(wire: Worker) {
    this.#wire = wire;
  }

  /**
   * Creates the namespaces. They are removed when the process exits.
   * @param tcp TCP congestion control, such as `cubic`
   * @throws if the system refuses
   */
  static async open(tcp: string): Promise<Network> {
    removeNamespaces();
    // On any kind of exit.
    process.once("exit", removeNamespaces);
    const ends: WireEnds = [
      { namespace: SERVER.namespace, device: DEVICE },
      { namespace: VIEWER.namespace, device: DEVICE },
    ];
    for (const { namespace } of ends) ip("netns", "add", namespace);
    const wire = new Worker(new URL("./wire.ts", import.meta.url), { workerData: ends });
    await nextReport(wire);
    for (const { namespace, address } of [SERVER, VIEWER]) {
      // IPv6 neighbour discovery would count as the lanes' bytes.
      ip("netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1");
      ip("-n", namespace, "addr", "add", `${address}/30`, "dev", DEVICE);
      ip("-n", namespace, "link", "set", "dev", DEVICE, "up");
      ip("-n", namespace, "link", "set", "dev", "lo", "up");
      // Set per route: a namespace may not choose any algorithm as its default.
      ip("-n", namespace, "route", "replace", NETWORK, "dev", DEVICE, "src", address, "congctl", tcp);
    }
    return new Network(wire);
  }

  /** Replaces the link. Packets in flight are dropped. */
  configure(paths: readonly [Path, Path], seed: number): void {
    this.#send({ kind: "configure", paths, seed });
  }

  /** Starts the schedule of rates. */
  begin(): void {
    this.#send({ kind: "begin" });
  }

  /** Returns the counters from the server to the viewer, and back. */
  async counts(): Promise<readonly [Counts, Counts]> {
    const answer = nextReport(this.#wire);
    this.#send({ kind: "count" });
    return (await answer) ?? [ZERO, ZERO];
  }

  /** Measures round trips from the viewer's end, in milliseconds. */
  async ping(count: number): Promise<number[]> {
    const command = ["ping", "-n", "-c", String(count), "-i", "0.005", SERVER.address];
    const { stdout } = spawnSync("ip", ["netns", "exec", VIEWER.namespace, ...command], { encoding: "utf8" });
    return [...stdout.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time));
  }

  /** Removes the link and the namespaces. */
  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#wire.once("exit", resolve));
    this.#send({ kind: "end" });
    await ended;
    removeNamespaces();
  }

  #send(request: WireRequest): void {
    this.#wire.postMessage(request);
  }
}

const ZERO: Counts = { bytes: 0, packets: 0, dropped: 0, lost: 0 };

async function nextReport(wire: Worker): Promise<WireReport> {
  const [report] = await once(wire, "message");
  return report;
}

function ip(...parameters: string[]): void {
  execFileSync("ip", parameters, { stdio: ["ignore", "ignore", "inherit"] });
}

/** Removes our namespaces, and those of killed benches. */
function removeNamespaces(): void {
  const { stdout } = spawnSync("ip", ["netns", "list"], { encoding: "utf8" });
  for (const [name, pid] of stdout.matchAll(new RegExp(`${PREFIX}(\\d+)-\\w+`, "g"))) {
    if (Number(pid) === process.pid || !existsSync(`/proc/${pid}`)) spawnSync("ip", ["netns", "del", name]);
  }
}
