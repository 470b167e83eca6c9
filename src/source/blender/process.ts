/**
 * Runs Blender in background mode and restarts it after crashes. Blender runs `blender/background.py`, which publishes
 * to this server as any publisher does. Lines with the script's prefix are logged.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Cancel, Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { sentenceOf } from "./words.ts";

/** The script starts its messages for users with this. */
const MESSAGE_PREFIX = "rendercast: ";

/** Back-off before a restart; each crash in a row doubles it. */
const MIN_BACK_OFF: Millis = 1000;
const MAX_BACK_OFF: Millis = 30_000;

/** A crash after a run of this length counts as the first again. */
const STABLE_AFTER: Millis = 60_000;

/** After this many crashes in a row, Blender is not restarted. */
const MAX_CRASHES = 5;

/** Blender is killed if it takes longer to end after SIGTERM. */
const END_TIMEOUT: Millis = 1000;

/** The number of lines of output that are logged after a fatal end. */
const LAST_LINES = 15;

/** The first line of a Python error starts with this. */
const TRACEBACK = "Traceback ";

/** With these exit codes, the script reports errors that a restart does not fix. */
const FATAL_EXIT_CODES = [1, 2];

/** The parameters of a {@link BlenderProcess}. */
export interface BlenderOptions {
  /** Path of Blender. */
  readonly program: string;
  readonly arguments: readonly string[];
  /** Variables added to this process's environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes a sentence for viewers about why there is no picture; undefined at each start. */
  readonly problem: (sentence: string | undefined) => void;
  /** Takes each message of the script that is not an error. */
  readonly said?: (words: string) => void;
  /** Called when Blender ends by itself with code 0. */
  readonly ended: () => void;
}

/** A Blender that this server runs. */
export class BlenderProcess {
  readonly #options: BlenderOptions;
  #child: ChildProcess | undefined;
  #lastLines: string[] = [];
  /** The script's last message on stderr: the reason for a fatal end. */
  #lastWords: string | undefined;
  #startedAt: EpochMs | undefined;
  #crashes = 0;
  #cancelRestart: Cancel | undefined;
  #closed = false;

  constructor(options: BlenderOptions) {
    this.#options = options;
  }

  /** Starts Blender, and restarts it after each crash. Failures go to `log` and `problem`. */
  start(): void {
    const { program, environment, clock } = this.#options;
    this.#startedAt = clock.now();
    this.#lastLines = [];
    this.#lastWords = undefined;
    this.#options.problem(undefined);
    const child = spawn(program, this.#options.arguments, {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    // Blender blocks if nobody reads its output.
    createInterface(child.stdout).on("line", (line) => this.#heard(line, false));
    createInterface(child.stderr).on("line", (line) => this.#heard(line, true));
    let failure: Error | undefined;
    child.on("error", (error) => {
      failure = error;
      if (child.pid === undefined) this.#ended(null, null, error);
    });
    child.on("close", (code, signal) => this.#ended(code, signal, failure));
  }

  /** Ends Blender. Resolves when it has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRestart?.();
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    const stopWaiting = this.#options.clock.after(END_TIMEOUT, () => child.kill("SIGKILL"));
    child.kill("SIGTERM");
    await ended;
    stopWaiting();
  }

  #heard(line: string, error: boolean): void {
    if (line.startsWith(MESSAGE_PREFIX)) {
      const words = line.slice(MESSAGE_PREFIX.length);
      this.#options.log(`Blender: ${words}`, error ? { level: "warn" } : undefined);
      if (error) this.#lastWords = words;
      else this.#options.said?.(words);
    } else if (line.trim() !== "") {
      // Messages before a Python error do not explain it.
      if (line.startsWith(TRACEBACK)) this.#lastWords = undefined;
      this.#lastLines = [...this.#lastLines, line].slice(-LAST_LINES);
    }
  }

  #ended(code: number | null, signal: string | null, failure: Error | undefined): void {
    this.#child = undefined;
    if (this.#closed) return;
    const { clock, log, problem, ended, program } = this.#options;
    if (code === 0) {
      log("Blender ended.");
      ended();
      return;
    }
    if (failure) {
      const check = `Check that ${program} is Blender, or set its path with --blender.`;
      log(`Blender could not be started: ${failure.message}. ${check}`, { level: "error" });
      problem("Blender could not be started. The server's log has the reason.");
      return;
    }
    const how = signal ? `by ${signal}` : `with code ${code}`;
    if (code !== null && FATAL_EXIT_CODES.includes(code)) {
      const words = this.#lastWords;
      this.#logLastLines();
      log(`Blender ended ${how} and is not restarted: fix the error above, then restart rendercast.`, {
        level: "error",
      });
      problem(
        words === undefined
          ? "Renderer stopped because of an error. The server's log has the details."
          : sentenceOf(words),
      );
      return;
    }
    if (clock.now() - (this.#startedAt ?? clock.now()) >= STABLE_AFTER) this.#crashes = 0;
    this.#crashes++;
    if (this.#crashes >= MAX_CRASHES) {
      const crashes = `crashed ${MAX_CRASHES} times in a row`;
      this.#lastWords = undefined;
      this.#logLastLines();
      log(`Blender ${crashes}, the last time ${how}, and is not restarted: see its last lines above.`, {
        level: "error",
      });
      problem(`Renderer ${crashes} and is not restarted. The server's log has the details.`);
      return;
    }
    const pause = Math.min(MAX_BACK_OFF, MIN_BACK_OFF * 2 ** (this.#crashes - 1));
    log(`Blender crashed (ended ${how}). It restarts in ${pause / 1000} s.`, { level: "warn" });
    problem("Renderer crashed. Restarting…");
    this.#cancelRestart = clock.after(pause, () => this.start());
  }

  /** Logs the last lines; if the script gave the reason, only a Python traceback. */
  #logLastLines(): void {
    const traceback = this.#lastLines.findLastIndex((line) => line.startsWith(TRACEBACK));
    const from = this.#lastWords === undefined ? 0 : traceback < 0 ? LAST_LINES : traceback;
    const lines = this.#lastLines.slice(from).map((line) => `  ${line}`);
    if (lines.length > 0) this.#options.log(`Blender's last lines:\n${lines.join("\n")}`, { level: "error" });
  }
}
