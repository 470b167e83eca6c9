/** Starts the server in its namespace, and talks with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { SERVER } from "./namespaces.ts";
import type { ServerOrder, ServerReady } from "./server.ts";

const MODULE = fileURLToPath(new URL("./server.ts", import.meta.url));

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

  /** It ends with this process. @param options further ones of rendercast's own, such as `--size WxH` */
  static async start(options: readonly string[]): Promise<ServerProcess> {
    const command = [process.execPath, MODULE, SERVER.address, ...options];
    const child = spawn("ip", ["netns", "exec", SERVER.namespace, ...command], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      serialization: "advanced",
    });
    const end = once(child, "exit").then(() => {
      throw new Error("the server has ended");
    });
    end.catch(() => {});
    const [ready] = await Promise.race([once(child, "message"), end]);
    return new ServerProcess(child, end, ready);
  }

  /** A lane begins. */
  async lane(rival: boolean): Promise<void> {
    await this.#ask({ kind: "lane", rival });
  }

  async captured(): Promise<ReadonlyMap<number, number>> {
    return new Map((await this.#ask({ kind: "captured" })) as [number, number][]);
  }

  async luma(number: number): Promise<Uint8Array | undefined> {
    return (await this.#ask({ kind: "luma", number })) as Uint8Array | undefined;
  }

  /** Values of `/metrics` by their names. */
  async metrics(): Promise<Record<string, number>> {
    const text = (await this.#ask({ kind: "metrics" })) as string;
    return Object.fromEntries(
      [...text.matchAll(/^(rendercast_[^ ]+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
    );
  }

  async close(): Promise<void> {
    this.#process.disconnect();
    await this.#end.catch(() => {});
  }

  async #ask(order: ServerOrder): Promise<unknown> {
    const answered = once(this.#process, "message");
    this.#process.send(order);
    const [{ answer }] = await Promise.race([answered, this.#end]);
    return answer;
  }
}
