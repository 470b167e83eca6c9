import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { io } from "socket.io-client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { newCertificate, type TestCertificate, writeCertificate } from "../helpers/certificate.ts";
import { image } from "../helpers/multipart-writer.ts";
import { gradientJpeg } from "../helpers/pictures.ts";
import { describeWith } from "../setup/suites.ts";
import { freePort } from "./helpers/free-port.ts";
import { startNginx } from "./helpers/nginx.ts";
import { openPlayer, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { keepPeerConnections, noticesNothing } from "./helpers/undisturbed.ts";

const TOKEN = "correct-horse-battery";

describeWith(
  ["nginx", "chromium"],
  "behind nginx, set up as deploy/nginx.conf says,",
  ({ nginx, chromium }) => {
    let folder: string;
    let certificate: TestCertificate;
    let server: ServerProcess;
    let browser: Browser;
    let proxy: ChildProcess;
    let url: string;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "rendercast-nginx-"));
      certificate = await newCertificate();
      writeCertificate(folder, certificate);
      const tokens = ["--publish-token", TOKEN, "--operate-token", `${TOKEN}-2`];
      server = await startServer(
        "--host",
        "127.0.0.1",
        "--rtc-host",
        "::",
        "--trust-proxy",
        "127.0.0.1",
        ...tokens,
      );
      const port = await freePort();
      url = `https://localhost:${port}`;
      proxy = startNginx(nginx, folder, port, server.port);
      browser = await launchChromium(chromium, "--ignore-certificate-errors");
      await vi.waitFor(() => ask("/streams/main"), { timeout: 20_000 });
    });
    afterAll(async () => {
      await browser?.close();
      proxy?.kill();
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const trust = () =>
      ({ ca: certificate.cert, checkServerIdentity: () => undefined, agent: false }) as const;

    /** Sends a request, and answers as soon as something of the body is there. */
    function ask(path: string, headers: Record<string, string> = {}, method = "GET") {
      return new Promise<{ status: number | undefined; start: string }>((resolve, reject) => {
        const asked = request(`${url}${path}`, { ...trust(), headers, method }, (answer) => {
          answer.once("data", (chunk: Buffer) => {
            resolve({ status: answer.statusCode, start: String(chunk) });
            asked.destroy();
          });
        });
        asked.on("error", reject).end();
      });
    }

    test("a browser watches by WebRTC", async () => {
      const page = await openPlayer(browser, url, keepPeerConnections);
      await waitForState(page, "live");
      await noticesNothing(page);
    });

    test("nginx forwards WebSockets, and viewers count under their own address", async () => {
      const socket = io(url, { transports: ["websocket"], rejectUnauthorized: false, reconnection: false });
      await new Promise<void>((resolve, reject) => {
        socket.on("connect", () => resolve());
        socket.on("connect_error", reject);
      });
      expect(await socket.timeout(5000).emitWithAck("follow", "main")).toMatchObject({ ok: true });
      socket.disconnect();
      expect(server.output()).not.toContain("--trust-proxy");
    });

    test("events and pictures arrive at once, not when a buffer is full", async () => {
      expect((await ask("/streams/main/events")).start).toMatch(/^event: stream\ndata: /);
      expect((await ask("/streams/main/mjpeg?timed")).start).toMatch(/^--rendercast-frame\r\n/);
    });

    test("a publisher with the token is visible while its request body is still open", async () => {
      const headers = {
        Authorization: `Bearer ${TOKEN}`,
        "Content-Type": "multipart/x-mixed-replace; boundary=frame",
        "Transfer-Encoding": "chunked",
      };
      const publishing = request(`${url}/streams/film`, { ...trust(), headers, method: "POST" });
      publishing.on("error", () => {});
      publishing.write(image(await gradientJpeg(40, 30)));
      await vi.waitFor(async () => expect((await server.info("film")).state?.kind).toBe("live"), {
        timeout: 10_000,
      });
      publishing.destroy();
    });

    test("no client passes for this machine, whatever headers it sends, and links use the requested host name", async () => {
      const lies = { "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "evil.example", Host: "localhost" };
      expect((await ask("/metrics", lies)).status).toBe(401);
      expect((await ask("/streams/film", lies, "POST")).status).toBe(401);
      const operator = { Authorization: `Bearer ${TOKEN}-2`, "X-Forwarded-Host": "evil.example" };
      const { start } = await ask("/streams/main/share", operator, "POST");
      expect(JSON.parse(start).link).toBe(`${url}/watch/main`);
      await ask("/streams/main/snapshot.jpg?token=a.b.c");
      const written = readFileSync(join(folder, "access.log"), "utf8");
      expect(written).toContain("/streams/main/snapshot.jpg");
      expect(written).not.toContain("a.b.c");
    });
  },
);
