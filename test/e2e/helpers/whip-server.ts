/** A WHIP endpoint that others wrote: Meetecho's Simple WHIP Server, which publishes in a video room of Janus. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { vi } from "vitest";
import { freePorts, type Janus } from "./janus.ts";

const MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));
const INSTALLED = "/usr/share/simple-whip-server/src";
const PACKAGE = "simple-whip-server";

const run = promisify(execFile);

/**
 * Its source, as Debian has it: installed, or from the package as it is, which needs Debian's own Node to be installed.
 * Undefined where neither can be had.
 */
export async function whipServerSource(): Promise<string | undefined> {
  if (existsSync(INSTALLED)) return INSTALLED;
  const kept = join(MODULES, ".cache", PACKAGE);
  const source = join(kept, INSTALLED);
  if (existsSync(source)) return source;
  try {
    const folder = await mkdtemp(join(tmpdir(), `${PACKAGE}-`));
    const download = () => run("apt-get", ["download", PACKAGE], { cwd: folder });
    // The package lists may be old, or none.
    await download().catch(async () => {
      await run("apt-get", ["update"]);
      await download();
    });
    const [file = ""] = await readdir(folder);
    await mkdir(kept, { recursive: true });
    await run("dpkg-deb", ["-x", join(folder, file), kept]);
    await rm(folder, { recursive: true });
    return source;
  } catch {
    return undefined;
  }
}

export interface WhipServer {
  readonly port: number;
  /** Makes an endpoint; its address. */
  create(id: string, room: number, token: string): Promise<string>;
  /** Forgets all endpoints, and what is published at them, as one that has crashed. */
  stop(): Promise<void>;
}

/** @param port a free one unless told. */
export async function startWhipServer(source: string, janus: Janus, port?: number): Promise<WhipServer> {
  const folder = await mkdtemp(join(tmpdir(), "whip-"));
  const own = port ?? (await freePorts());
  await cp(source, folder, {
    recursive: true,
    dereference: true,
    filter: (path) => !path.endsWith("config.js"),
  });
  const config = { janus: { address: janus.webSocket }, port: own, rest: "/whip", allowTrickle: true };
  await writeFile(join(folder, "config.js"), `module.exports = ${JSON.stringify(config)};`);
  const child = spawn(process.execPath, ["server.js"], {
    cwd: folder,
    env: { ...process.env, NODE_PATH: MODULES },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => {
      output += text;
    });
  const base = `http://127.0.0.1:${own}/whip`;
  await vi.waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`it did not start:\n${output}`);
      await fetch(`${base}/healthcheck`);
    },
    { timeout: 15_000, interval: 200 },
  );
  return {
    port: own,
    async create(id, room, token) {
      const headers = { "Content-Type": "application/json" };
      const body = JSON.stringify({ id, room, token });
      const response = await fetch(`${base}/create`, { method: "POST", headers, body });
      if (!response.ok) throw new Error(await response.text());
      return `${base}/endpoint/${id}`;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, "exit");
        child.kill("SIGKILL");
        await exited;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}
