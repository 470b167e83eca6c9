/**
 * WebKit, the engine of Safari, in the form of WebKitGTK: its MiniBrowser, driven by WebDriver (W3C), which is JSON over
 * HTTP. Debian builds it without WebRTC.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { freePort } from "./free-port.ts";

/** The programs that WebKit needs here. */
export interface WebKitPrograms {
  /** WebKitWebDriver. */
  readonly webkit: string;
  readonly xvfb: string;
}

/** A running WebKit with one window. */
export interface WebKit {
  /** Goes to an address, and returns when its document is there: a page that shows MJPEG in an `<img>` never ends loading. */
  goto(url: string): Promise<void>;
  /** Runs a function in the page. Its parameters and its result must be JSON. */
  evaluate<Args extends readonly unknown[], Result>(
    run: (...args: Args) => Result,
    ...args: Args
  ): Promise<Awaited<Result>>;
  /** Waits until the function returns something true in the page, and returns that. */
  waitFor<Args extends readonly unknown[], Result>(
    run: (...args: Args) => Result,
    ...args: Args
  ): Promise<NonNullable<Awaited<Result>>>;
  /** Presses a key; other keys than characters by their code point of WebDriver (section 17.4.2). */
  press(key: string): Promise<void>;
  /** Clicks the middle of the first element of this selector. */
  click(selector: string): Promise<void>;
  /** The errors of the page since {@link WebKit.goto}. */
  troubles(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const POLL_INTERVAL_MS = 50;
const WAIT_TIMEOUT_MS = 20_000;

/** Marks the reference to an element in JSON (WebDriver, section 12.1). */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

/**
 * Starts WebKit on a screen of its own.
 * @param lang the language of the system, as the variable `LANG` names it.
 */
export async function launchWebKit({ webkit, xvfb }: WebKitPrograms, lang = "en_US.UTF-8"): Promise<WebKit> {
  const screen = spawn(xvfb, ["-displayfd", "3", "-screen", "0", "1280x900x24"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const children: ChildProcess[] = [screen];
  const stop = async () => {
    for (const child of children.splice(0).reverse()) {
      const isOver = child.exitCode !== null || child.signalCode !== null;
      if (!isOver && child.kill()) await once(child, "exit");
    }
  };
  try {
    const [display] = await once(screen.stdio[3] as NodeJS.ReadableStream, "data");
    const port = await freePort();
    const driver = spawn(webkit, [`--port=${port}`], {
      env: {
        ...process.env,
        DISPLAY: `:${String(display).trim()}`,
        LANG: lang,
        LIBGL_ALWAYS_SOFTWARE: "1",
        // Its sandbox needs rights that a container does not give.
        WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
      },
      stdio: "ignore",
    });
    children.push(driver);
    const url = `http://127.0.0.1:${port}`;
    await until(() => ask(url, "GET", "/status").catch(() => undefined));
    return await openSession(url, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openSession(url: string, stop: () => Promise<void>): Promise<WebKit> {
  const { sessionId } = (await ask(url, "POST", "/session", {
    capabilities: { alwaysMatch: { browserName: "MiniBrowser", pageLoadStrategy: "none" } },
  })) as { readonly sessionId: string };
  const command = (path: string, body?: object) => ask(url, "POST", `/session/${sessionId}${path}`, body);
  const evaluate: WebKit["evaluate"] = async (run, ...args) => {
    const script = `return (${run}).apply(null, arguments)`;
    return (await command("/execute/sync", { script, args })) as never;
  };
  return {
    async goto(to) {
      await command("/url", { url: to });
      await until(() => evaluate(collectTroubles, to).catch(() => false));
    },
    evaluate,
    waitFor: (run, ...args) => until(() => evaluate(run, ...args)) as never,
    async press(key) {
      const actions = [
        { type: "keyDown", value: key },
        { type: "keyUp", value: key },
      ];
      await command("/actions", { actions: [{ type: "key", id: "keyboard", actions }] });
    },
    async click(selector) {
      const element = (await command("/element", { using: "css selector", value: selector })) as {
        readonly [ELEMENT]: string;
      };
      await command(`/element/${element[ELEMENT]}/click`, {});
    },
    troubles: () => evaluate(() => (window as unknown as Collecting).troubles ?? []),
    async close() {
      await ask(url, "DELETE", `/session/${sessionId}`).catch(() => {});
      await stop();
    },
  };
}

interface Collecting {
  troubles?: string[];
}

/** Runs in the page, before its modules have loaded: WebDriver has no other way to an error. */
function collectTroubles(url: string): boolean {
  if (document.URL !== new URL(url).href) return false;
  const page = window as unknown as Collecting;
  if (page.troubles) return document.readyState !== "loading";
  const troubles: string[] = [];
  page.troubles = troubles;
  addEventListener("error", ({ message }) => troubles.push(message));
  addEventListener("unhandledrejection", ({ reason }) => troubles.push(String(reason)));
  const { error } = console;
  console.error = (...parts: unknown[]) => {
    troubles.push(parts.join(" "));
    error.apply(console, parts);
  };
  return document.readyState !== "loading";
}

/** Asks until the answer is neither false nor undefined. */
async function until<Answer>(get: () => Promise<Answer>): Promise<Answer> {
  const end = Date.now() + WAIT_TIMEOUT_MS;
  for (;;) {
    const answer = await get();
    if (answer) return answer;
    if (Date.now() > end) throw new Error("WebKit did not come to what the test waits for.");
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
}

/** One command of WebDriver; its value. */
async function ask(url: string, method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method,
    ...(method === "POST" && { body: JSON.stringify(body ?? {}) }),
  });
  const { value } = (await response.json()) as { readonly value: { readonly message?: string } };
  if (!response.ok) throw new Error(`WebDriver ${path}: ${value?.message}`);
  return value;
}
