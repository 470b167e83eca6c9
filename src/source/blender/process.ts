/**
 * Starts Blender in background and keeps it: it runs `blender/background.py`, which publishes to this server as
 * any publisher does. What it prints behind its own prefix is logged; a crash is followed by another start.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Cancel, Clock, EpochMs, Millis } from "../../base/clock.ts";
import { sentenceOf } from "./words.ts";

/** What Blender's script puts before what it says to people. */
const SAYS = "rendercast: ";

/** The pause before the first restart; each further one doubles it. */
const FIRST_PAUSE: Millis = 1000;
const LONGEST_PAUSE: Millis = 30_000;

/** Who ran this long counts as sound: its crash is the first again. */
const SOUND_AFTER: Millis = 60_000;

/** Crashes in a row until it is given up. */
const CRASHES = 5;

/** How long Blender may take to end itself, until it is killed. */
const END_WITHIN: Millis = 1000;

/** The lines shown when it is given up. */
const LAST_LINES = 15;

/** How Python begins to tell of an error. */
const TRACEBACK = "Traceback ";

/** Exit codes by which the script says, in a sentence, that another start would not help. */
const HOPELESS = [1, 2];

export interface BlenderOptions {
  readonly program: string;
  readonly arguments: readonly string[];
  /** Added to this process's environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Takes why it shows nothing, in a sentence for viewers; undefined when it is started anew. */
  readonly problem: (sentence: string | undefined) => void;
  /** It has ended by itself. */
  readonly ended: () => void;
}

export class BlenderProcess {
  readonly #options: BlenderOptions;
  #child: ChildProcess | undefined;
  #lastLines: string[] = [];
  /** Why it cannot go on, in the script's own words: what it said last as an error. */
  #lastWords: string | undefined;
  #startedAt: EpochMs | undefined;
  #crashes = 0;
  #cancelRestart: Cancel | undefined;
  #closed = false;

  constructor(options: BlenderOptions) {
    this.#options = options;
  }

  /** Starts it, and again after each crash. */
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
    // Blender blocks where nobody reads what it prints.
    createInterface(child.stdout).on("line", (line) => this.#heard(line, false));
    createInterface(child.stderr).on("line", (line) => this.#heard(line, true));
    let failure: Error | undefined;
    child.on("error", (error) => {
      failure = error;
      if (child.pid === undefined) this.#ended(null, null, error);
    });
    child.on("close", (code, signal) => this.#ended(code, signal, failure));
  }

  /** Ends Blender, and resolves when it has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRestart?.();
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    const stopWaiting = this.#options.clock.after(END_WITHIN, () => child.kill("SIGKILL"));
    child.kill("SIGTERM");
    await ended;
    stopWaiting();
  }

  #heard(line: string, error: boolean): void {
    if (line.startsWith(SAYS)) {
      const words = line.slice(SAYS.length);
      this.#options.log(`Blender: ${words}`);
      if (error) this.#lastWords = words;
    } else if (line.trim() !== "") {
      // What was said before an error of Python's says nothing about that.
      if (line.startsWith(TRACEBACK)) this.#lastWords = undefined;
      this.#lastLines = [...this.#lastLines, line].slice(-LAST_LINES);
    }
  }

  #ended(code: number | null, signal: string | null, failure: Error | undefined): void {
    this.#child = undefined;
    if (this.#closed) return;
    const { clock, log, problem, ended, program } = this.#options;
    if (code === 0) {
      log("Blender has ended.");
      ended();
      return;
    }
    if (failure) {
      const check = `Check that ${program} is Blender, or name it with --blender.`;
      log(`Blender could not be started: ${failure.message}. ${check}`);
      problem("Blender could not be started; the server's log says why.");
      return;
    }
    const how = signal ? `by ${signal}` : `with code ${code}`;
    if (code !== null && HOPELESS.includes(code)) {
      const words = this.#lastWords;
      this.#tellLastLines();
      log(
        `Blender ended ${how}, and is not started again: mend what it says above, and start rendercast anew.`,
      );
      problem(
        words === undefined
          ? `Blender ended ${how}, and is not started again; the server's log says more.`
          : sentenceOf(words),
      );
      return;
    }
    if (clock.now() - (this.#startedAt ?? clock.now()) >= SOUND_AFTER) this.#crashes = 0;
    this.#crashes++;
    if (this.#crashes >= CRASHES) {
      const why = `Blender crashed ${CRASHES} times in a row, at last ${how}, and is given up.`;
      this.#lastWords = undefined;
      this.#tellLastLines();
      log(why);
      problem(why);
      return;
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#crashes - 1));
    const news = `Blender crashed (ended ${how}); it is started again in ${pause / 1000} s.`;
    log(news);
    problem(news);
    this.#cancelRestart = clock.after(pause, () => this.start());
  }

  /** Where it has said why itself, its other lines are of use only with the place in a script. */
  #tellLastLines(): void {
    const traceback = this.#lastLines.findLastIndex((line) => line.startsWith(TRACEBACK));
    const from = this.#lastWords === undefined ? 0 : traceback < 0 ? LAST_LINES : traceback;
    const lines = this.#lastLines.slice(from).map((line) => `  ${line}`);
    if (lines.length > 0) this.#options.log(`Blender's last lines:\n${lines.join("\n")}`);
  }
}
