/** Starts the server in its namespace, and exchanges messages with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { SERVER } from "./namespaces.ts";
import type { ServerReady, ServerRequest } from "./server.ts";

const MODULE = fileURLToPath(new URL("./server.ts", import.meta.url));

/** The server's process. */
export class ServerProcess {
  readonly #process: ChildProcess;
  /** Rejects when it ends. */
  readonly #end: Promise<never>;
  readonly ready: ServerReady;

  private constructor(process: ChildProcess, end: Promise<never>, ready: ServerReady) {
    this.#process = process;
    this.#end = end;
    this.ready = ready;
  }

  /**
   * Starts the server, which exits with this process.
   * @param options options of rendercast, such as `--size WxH`
   * @throws if the server exits
   */
  static async start(options: readonly string[]): Promise<ServerProcess> {
    const command = [process.execPath, MODULE, SERVER.address, ...options];
    const child = spawn("ip", ["netns", "exec", SERVER.namespace, ...command], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      serialization: "advanced",
    });
    const end = once(child, "exit").then(() => {
      throw new Error("The server exited.");
    });
    end.catch(() => {});
    const [ready] = await Promise.race([once(child, "message"), end]);
    return new ServerProcess(child, end, ready);
  }

  /** Starts a lane. */
  async lane(baseline: boolean): Promise<void> {
    await this.#ask({ kind: "lane", baseline });
  }

  /** Returns when the pixels of each frame were complete, by frame number. */
  async captured(): Promise<ReadonlyMap<number, number>> {
    return new Map((await this.#ask({ kind: "captured" })) as [number, number][]);
  }

  /** Returns the luma of a frame, if it was kept. */
  async luma(number: number): Promise<Uint8Array | undefined> {
    return (await this.#ask({ kind: "luma", number })) as Uint8Array | undefined;
  }

  /** Returns the values of `/metrics` by name. */
  async metrics(): Promise<Record<string, number>> {
    const text = (await this.#ask({ kind: "metrics" })) as string;
    return Object.fromEntries(
      [...text.matchAll(/^(rendercast_[^ ]+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
    );
  }

  /** Ends the server. */
  async close(): Promise<void> {
    this.#process.disconnect();
    await this.#end.catch(() => {});
  }

  async #ask(request: ServerRequest): Promise<unknown> {
    const answered = once(this.#process, "message");
    this.#process.send(request);
    const [{ answer }] = await Promise.race([answered, this.#end]);
    return answer;
  }
}
