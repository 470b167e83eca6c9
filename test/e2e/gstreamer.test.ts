import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { describeWith } from "../setup/suites.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const VIEWER = fileURLToPath(new URL("helpers/gstreamer_viewer.py", import.meta.url));
/** The one that Debian's packages are for. */
const PYTHON = "/usr/bin/python3";

describeWith(["gstreamer"], "GStreamer's webrtcbin", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(async () => {
    await server?.stop();
  });
  let viewer: ChildProcess | undefined;
  let said = "";
  afterEach(async () => {
    if (viewer && viewer.exitCode === null) {
      const exited = once(viewer, "exit");
      viewer.kill("SIGKILL");
      await exited;
    }
  });

  /** What the server answers, by WHEP. */
  async function watch(offer: string): Promise<string> {
    const headers = { "Content-Type": "application/sdp" };
    const response = await fetch(`${server.url}/streams/main/whep`, { method: "POST", headers, body: offer });
    const answer = await response.text();
    if (response.status !== 201) throw new Error(answer);
    return answer;
  }

  test.each([
    ["VP8", []],
    ["H264", ["packetization-mode=(string)1", "profile-level-id=(string)42e01f"]],
  ])("decodes the frames of %s", async (encoding, fields) => {
    viewer = spawn(PYTHON, [VIEWER, encoding, ...fields], { stdio: "pipe" });
    said = "";
    viewer.stderr?.on("data", (text) => {
      said += text;
    });
    const sizes: string[] = [];
    let answered = "";
    createInterface({ input: viewer.stdout as NodeJS.ReadableStream }).on("line", async (line) => {
      const { offer, width, height } = JSON.parse(line);
      if (offer === undefined) {
        sizes.push(`${width}x${height}`);
        return;
      }
      answered = await watch(offer);
      viewer?.stdin?.write(`${JSON.stringify({ answer: answered })}\n`);
    });
    await vi.waitFor(() => expect(sizes.length, said).toBeGreaterThan(60), { timeout: 20_000 });
    expect(new Set(sizes)).toEqual(new Set(["480x270"]));
    expect(answered).toContain(` ${encoding}/90000`);
  });
});
