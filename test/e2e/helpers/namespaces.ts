/** Networks of our own for a test, of network namespaces on this machine (Linux, root). */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const PREFIX = "rendercast-test-";

/** The programs that make them. */
export interface NetworkPrograms {
  readonly ip: string;
  readonly nft: string;
}

/** Why this machine cannot have them; undefined where it can. */
export function namespaceObstacle({ ip }: NetworkPrograms): string | undefined {
  if (process.platform !== "linux") return "network namespaces are Linux's own";
  if (process.getuid?.() !== 0) return "network namespaces take root: run the tests by sudo";
  const name = `${PREFIX}${process.pid}-trial`;
  const { status, stderr } = spawnSync(ip, ["netns", "add", name], { encoding: "utf8" });
  if (status !== 0) return `this machine gives no network namespaces: ${stderr?.trim()}`;
  spawnSync(ip, ["netns", "del", name]);
  return undefined;
}

/** A machine of its own, as far as its network goes. */
export class Namespace {
  readonly name: string;
  readonly #programs: NetworkPrograms;

  constructor(name: string, programs: NetworkPrograms) {
    this.name = name;
    this.#programs = programs;
    run(programs.ip, "netns", "add", name);
    this.#ip("link", "set", "lo", "up");
  }

  /** A command line that runs there. */
  command(...command: string[]): [string, ...string[]] {
    return [this.#programs.ip, "netns", "exec", this.name, ...command];
  }

  /** Runs a program there to its end. */
  run(...command: string[]): void {
    run(...this.command(...command));
  }

  /** A bridge between devices of this namespace, with addresses such as `10.0.0.1/24`. */
  bridge(device: string, members: readonly string[], ...addresses: string[]): void {
    this.#ip("link", "add", device, "type", "bridge");
    for (const member of members) this.#ip("link", "set", member, "master", device);
    this.up(device, ...addresses);
  }

  up(device: string, ...addresses: string[]): void {
    for (const address of addresses)
      this.#ip("addr", "add", address, "dev", device, ...(address.includes(":") ? ["nodad"] : []));
    this.#ip("link", "set", device, "up");
  }

  defaultRoute(gateway: string): void {
    this.#ip(gateway.includes(":") ? "-6" : "-4", "route", "replace", "default", "via", gateway);
  }

  /** Makes it a router with these rules of nftables, in place of those before. */
  route(rules: string): void {
    this.run("sysctl", "-qw", "net.ipv4.ip_forward=1");
    const [program, ...parameters] = this.command(this.#programs.nft, "-f", "-");
    execFileSync(program, parameters, {
      input: `flush ruleset\n${rules}`,
      stdio: ["pipe", "ignore", "inherit"],
    });
  }

  #ip(...parameters: string[]): void {
    run(this.#programs.ip, "-n", this.name, ...parameters);
  }
}

/** The namespaces of one test, which end with it. */
export class Lab {
  readonly #programs: NetworkPrograms;
  readonly #remove: () => void;

  constructor(programs: NetworkPrograms) {
    this.#programs = programs;
    this.#remove = () => removeNamespaces(programs.ip);
    this.#remove();
    // However the process ends.
    process.once("exit", this.#remove);
  }

  namespace(name: string): Namespace {
    return new Namespace(`${PREFIX}${process.pid}-${name}`, this.#programs);
  }

  /** A cable between two of them, by the names that its ends have there. */
  cable(one: Namespace, device: string, other: Namespace, otherDevice: string): void {
    const ends = [
      device,
      "netns",
      one.name,
      "type",
      "veth",
      "peer",
      "name",
      otherDevice,
      "netns",
      other.name,
    ];
    run(this.#programs.ip, "link", "add", ...ends);
    one.up(device);
    other.up(otherDevice);
  }

  close(): void {
    this.#remove();
    process.removeListener("exit", this.#remove);
  }
}

function run(program: string, ...parameters: string[]): void {
  execFileSync(program, parameters, { stdio: ["ignore", "ignore", "inherit"] });
}

/** Ours, and those of tests that were killed. */
function removeNamespaces(ip: string): void {
  const { stdout } = spawnSync(ip, ["netns", "list"], { encoding: "utf8" });
  for (const [name, pid] of stdout.matchAll(new RegExp(`${PREFIX}(\\d+)-\\S+`, "g"))) {
    if (Number(pid) === process.pid || !existsSync(`/proc/${pid}`)) spawnSync(ip, ["netns", "del", name]);
  }
}
