/** A rendercast server as its users start it: its own process, by its command line. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { StreamInfo } from "../../../src/shared/protocol.ts";

/** The server's command line. */
export const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

export interface ServerProcess {
  /** `http://localhost:PORT`, or with https. */
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** All it has printed. */
  output(): string;
  /** The server's own description of its stream. */
  info(name?: string): Promise<StreamInfo>;
  /** Stops it as Ctrl-C does; the exit code. */
  stop(): Promise<number | null>;
}

/** Makes a command line of another, such as to run it elsewhere. */
type CommandLine = (...own: [string, ...string[]]) => [string, ...string[]];

/**
 * Starts it on a free port, unless `--port` is among the options, and waits until it serves. With `--log-format json` its
 * URL is http://localhost.
 */
export function startServer(...options: string[]): Promise<ServerProcess> {
  return startServerAs((...command) => command, ...options);
}

/** As {@link startServer}, with the command line that is made of its own. */
export async function startServerAs(command: CommandLine, ...options: string[]): Promise<ServerProcess> {
  const port = options.includes("--port") ? [] : ["--port", "0"];
  const [program, ...parameters] = command(process.execPath, MAIN, ...port, ...options);
  const child = spawn(program, parameters, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const collect = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);

  const address = /On this machine\s+(https?:\/\/\S+?):(\d+)\/|"port":(\d+).*"msg":"rendercast serves/;
  while (!address.test(output)) {
    const [event] = await Promise.race([
      once(child.stdout, "data").then(() => ["data"]),
      once(child, "exit").then(() => ["exit"]),
    ]);
    if (event === "exit") throw new Error(`the server did not start:\n${output}`);
  }
  const [, host = "http://localhost", shown, logged] = address.exec(output) ?? [];
  const portText = shown ?? logged;
  const url = `${host}:${portText}`;
  return {
    url,
    port: Number(portText),
    process: child,
    output: () => output,
    info: async (name = "main") => (await fetch(`${url}/streams/${name}`)).json(),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, "exit");
      child.kill("SIGINT");
      const [code] = await exited;
      return code;
    },
  };
}

/** Runs it to its end, for command lines that do not start a server. */
export function runToEnd(...options: string[]): Promise<{ code: number | null; output: string }> {
  return runToEndAs((...command) => command, ...options);
}

/** As {@link runToEnd}, with the command line that is made of its own. */
export async function runToEndAs(
  command: CommandLine,
  ...options: string[]
): Promise<{ code: number | null; output: string }> {
  const [program, ...parameters] = command(process.execPath, MAIN, ...options);
  const child = spawn(program, parameters, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, "close");
  return { code, output };
}
