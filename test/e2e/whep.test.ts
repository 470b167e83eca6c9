import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import wrtc from "@roamhq/wrtc";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { MAX_OFFER_LENGTH } from "../../src/shared/protocol.ts";
import { launchChromium } from "../helpers/browser.ts";
import { describeWith } from "../setup/suites.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import type { Players } from "./helpers/whep-players.ts";

/** What the page of the site has in its window. */
type SiteWindow = Players & { connection: RTCPeerConnection; leave: () => unknown };

/** A site of its own, as a player's page is: what it has of rendercast, it has across origins. */
async function openSite() {
  const { build } = await import("vite");
  const entry = fileURLToPath(new URL("helpers/whep-players.ts", import.meta.url));
  const lib = { entry, formats: ["iife" as const], name: "players" };
  const built = await build({ configFile: false, logLevel: "error", build: { write: false, lib } });
  const [{ output }] = built as unknown as [{ output: { code: string }[] }];
  const html = '<!doctype html><script src="/players.js"></script><video autoplay muted></video>';
  const server = createServer(({ url }, response) => {
    const isScript = url === "/players.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? output[0]?.code : html);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const originOf = (host: string) => `http://${host}:${(server.address() as AddressInfo).port}`;
  return { originOf, close: () => server.close() };
}

describeWith(["chromium"], "Players that others wrote", ({ chromium }) => {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof openSite>>;
  let server: ServerProcess;
  let page: Page;
  let troubles: string[];
  beforeAll(async () => {
    [browser, site] = await Promise.all([
      launchChromium(chromium, "--host-resolver-rules=MAP *.example 127.0.0.1"),
      openSite(),
    ]);
    server = await startServer("--embed-from", site.originOf("player.example"));
  });
  afterAll(async () => {
    await browser.close();
    site.close();
    await server.stop();
  });
  afterEach(() => page.close());

  /** The page of a player, with the addresses of the sessions that it was given. */
  async function openSitePage(): Promise<string[]> {
    const sessions: string[] = [];
    troubles = [];
    page = await browser.newPage();
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on("response", (response) => {
      const { location } = response.headers();
      if (response.status() === 201 && location) sessions.push(`${server.url}${location}`);
    });
    await page.goto(site.originOf("player.example"));
    return sessions;
  }

  const showsFrames = (more: number) =>
    page.waitForFunction(
      (wanted) =>
        (document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0) >= wanted,
      { polling: 100, timeout: 20_000 },
      more,
    );
  const isGone = (session: string) =>
    vi.waitFor(async () => expect((await fetch(session)).status).toBe(404), { timeout: 20_000 });

  test("@eyevinn/webrtc-player plays, and deletes its session", async () => {
    const sessions = await openSitePage();
    await page.evaluate((endpoint) => {
      const { WebRTCPlayer } = window as unknown as SiteWindow;
      const video = document.querySelector("video") as HTMLVideoElement;
      const player = new WebRTCPlayer({ video, type: "whep", iceServers: [] });
      Object.assign(window, { leave: () => player.unload() });
      return player.load(new URL(endpoint));
    }, `${server.url}/streams/main/whep`);
    await showsFrames(20);
    expect(await page.$eval("video", ({ videoWidth, videoHeight }) => `${videoWidth}x${videoHeight}`)).toBe(
      "480x270",
    );
    expect(sessions).toHaveLength(1);
    expect((await fetch(sessions[0] ?? "")).status).toBe(204);
    await page.evaluate(() => (window as unknown as SiteWindow).leave());
    await isGone(sessions[0] ?? "");
    await vi.waitFor(async () => expect((await server.info()).viewers).toBe(0));
    expect(troubles).toEqual([]);
  });

  /** Has whip-whep play, which asks for audio first. */
  const view = () =>
    page.evaluate(async (endpoint) => {
      const { WHEPClient } = window as unknown as SiteWindow;
      const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
      for (const kind of ["audio", "video"]) connection.addTransceiver(kind, { direction: "recvonly" });
      connection.ontrack = ({ track, streams: [stream] }) => {
        const video = document.querySelector("video");
        if (track.kind === "video" && video) video.srcObject = stream ?? null;
      };
      const client = new WHEPClient();
      Object.assign(window, { connection, leave: () => client.stop() });
      await client.view(connection, endpoint);
    }, `${server.url}/streams/main/whep`);

  test("whip-whep plays, learns that there is no audio, and deletes its session", async () => {
    const sessions = await openSitePage();
    await view();
    await showsFrames(20);
    const directions = await page.evaluate(() =>
      (window as unknown as SiteWindow).connection
        .getTransceivers()
        .map(({ receiver, currentDirection }) => `${receiver.track.kind} ${currentDirection}`),
    );
    expect(directions).toContain("video recvonly");
    expect(directions).not.toContain("audio recvonly");
    await page.evaluate(() => (window as unknown as SiteWindow).leave());
    await isGone(sessions[0] ?? "");
    expect(troubles).toEqual([]);
  });

  test("a player that restarts ICE keeps its video, and one that vanishes leaves no session", async () => {
    const sessions = await openSitePage();
    await view();
    await showsFrames(5);
    const session = sessions[0] ?? "";
    const restarted = await page.evaluate(async (address) => {
      const { connection } = window as unknown as SiteWindow;
      const offer = await connection.createOffer({ iceRestart: true });
      await connection.setLocalDescription(offer);
      const [ufrag, password] = ["ice-ufrag", "ice-pwd"].map(
        (name) => new RegExp(`^a=${name}:.*\r\n`, "m").exec(offer.sdp ?? "")?.[0],
      );
      const response = await fetch(address, {
        method: "PATCH",
        headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" },
        body: `${ufrag}${password}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n`,
      });
      const fragment = await response.text();
      const told = (name: string) => new RegExp(`^a=${name}:(.*)\r$`, "m").exec(fragment)?.[1];
      const before = connection.remoteDescription?.sdp ?? "";
      const sdp = before
        .replace(/^a=ice-ufrag:.*\r$/gm, `a=ice-ufrag:${told("ice-ufrag")}\r`)
        .replace(/^a=ice-pwd:.*\r$/gm, `a=ice-pwd:${told("ice-pwd")}\r`);
      await connection.setRemoteDescription({ type: "answer", sdp });
      const etag = response.headers.get("etag");
      return { status: response.status, etag, changed: sdp !== before, fragment };
    }, session);
    expect(restarted).toMatchObject({ status: 200, changed: true });
    expect(restarted.fragment).toMatch(/^a=ice-lite\r$/m);
    expect(restarted.etag).toMatch(/^"[^"]+"$/);
    await showsFrames(60);
    expect(await page.evaluate(() => (window as unknown as SiteWindow).connection.connectionState)).toBe(
      "connected",
    );
    // It says goodbye only through DTLS.
    await page.evaluate(() => (window as unknown as SiteWindow).connection.close());
    await isGone(session);
  });

  test("a page of another site is not let in", async () => {
    await openSitePage();
    await page.goto(site.originOf("elsewhere.example"));
    const outcome = await page.evaluate(
      (endpoint) =>
        fetch(endpoint, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: "v=0" }).then(
          () => "answered",
          () => "kept out",
        ),
      `${server.url}/streams/main/whep`,
    );
    expect(outcome).toBe("kept out");
  });
});

describe("The WHEP endpoint", () => {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  async function start(...options: string[]) {
    const server = await startServer(...options);
    ends.push(() => server.stop());
    const endpoint = `${server.url}/streams/main/whep`;
    const send = (method: string, url: string, type?: string, body?: string, headers = {}) =>
      fetch(url, {
        method,
        headers: { ...(type && { "Content-Type": type }), ...headers },
        ...(body === undefined ? {} : { body }),
      });
    const post = (body: string, headers = {}, type = "application/sdp") =>
      send("POST", endpoint, type, body, headers);
    return { server, endpoint, send, post };
  }

  async function newOffer(direction: RTCRtpTransceiverDirection = "recvonly"): Promise<string> {
    const peer = new wrtc.RTCPeerConnection();
    ends.push(() => peer.close());
    peer.addTransceiver("video", { direction });
    return (await peer.createOffer()).sdp ?? "";
  }

  const problemOf = async (response: Response) => {
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const problem = await response.json();
    expect(problem.status).toBe(response.status);
    expect(problem.detail).toMatch(/^[A-Z].*\.$/);
    return response.status;
  };

  test("refuses what it does not support with problem details", async () => {
    const { server, endpoint, send, post } = await start();
    const offer = await newOffer();
    expect(await problemOf(await post(offer, {}, "text/plain"))).toBe(415);
    expect(await problemOf(await post("nonsense"))).toBe(400);
    expect(await problemOf(await send("POST", endpoint, "application/sdp"))).toBe(400);
    expect(await problemOf(await post("x".repeat(MAX_OFFER_LENGTH + 1)))).toBe(413);
    expect(await problemOf(await post(await newOffer("sendonly")))).toBe(422);
    expect(await problemOf(await post(offer.replace(/VP8|H264/g, "VP7")))).toBe(422);
    expect(await problemOf(await send("PUT", endpoint, "application/sdp", offer))).toBe(405);
    expect(await problemOf(await post(offer, { Origin: "https://elsewhere.example" }))).toBe(403);
    const absent = await send("POST", `${server.url}/streams/absent/whep`, "application/sdp", offer);
    expect(absent.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await problemOf(absent)).toBe(409);
    expect(
      await problemOf(await send("POST", `${server.url}/streams/-/whep`, "application/sdp", offer)),
    ).toBe(404);
    for (const method of ["GET", "DELETE"])
      expect(await problemOf(await send(method, `${endpoint}/none`))).toBe(404);
    expect(await problemOf(await send("POST", `${endpoint}/none`))).toBe(405);
    expect((await send("GET", endpoint)).status).toBe(204);
  });

  test("creates a session with an ETag, links and trickle ICE candidates", async () => {
    const { server, send, post } = await start(
      ...["--ice-servers", "stun:stun.example,turn:turn.example", "--turn-secret", "a secret"],
    );
    const offer = await newOffer();
    const made = await post(offer);
    expect(made.status).toBe(201);
    expect(made.headers.get("content-type")).toBe("application/sdp");
    expect(await made.text()).toMatch(/^v=0\r\n/);
    expect(made.headers.get("link")).toMatch(
      /^<stun:stun\.example>; rel="ice-server", <turn:turn\.example>; rel="ice-server"; username="[^"]+"; credential="[^"]+"; credential-type="password"$/,
    );
    const etag = made.headers.get("etag") ?? "";
    const session = `${server.url}${made.headers.get("location")}`;

    const ice =
      offer
        .match(/^a=ice-(ufrag|pwd):.*\r\n/gm)
        ?.slice(0, 2)
        .join("") ?? "";
    const fragment = `${ice}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n`;
    const patch = (body: string, headers = {}, type = "application/trickle-ice-sdpfrag") =>
      send("PATCH", session, type, body, headers);
    const trickled = await patch(fragment, { "If-Match": etag });
    expect(trickled.status).toBe(204);
    expect(trickled.headers.get("etag")).toBeNull();
    expect(await problemOf(await patch(fragment, { "If-Match": '"another"' }))).toBe(412);
    expect(await problemOf(await patch(fragment.replace(ice, "")))).toBe(428);
    expect(await problemOf(await patch(fragment.replace("ufrag:", "ufrag:new")))).toBe(428);
    expect(await problemOf(await patch(offer, { "If-Match": etag }))).toBe(400);
    expect(await problemOf(await patch(fragment, {}, "application/sdp"))).toBe(415);
    // Nobody has connected yet, so that there is nothing to restart.
    const early = await patch(fragment.replace("ufrag:", "ufrag:new"), { "If-Match": "*" });
    expect(await problemOf(early)).toBe(409);
    expect((await send("DELETE", session)).status).toBe(200);
    expect(await problemOf(await send("DELETE", session))).toBe(404);
  });

  test("tells browsers through CORS what pages of an allowed site may do", async () => {
    const { endpoint, send } = await start("--embed-from", "https://player.example");
    const ask = (origin: string) => send("OPTIONS", endpoint, undefined, undefined, { Origin: origin });
    const allowed = await ask("https://player.example");
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get("accept-post")).toBe("application/sdp");
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://player.example");
    expect(allowed.headers.get("access-control-expose-headers")).toMatch(/Location, ETag, Link/);
    expect((await ask("https://elsewhere.example")).headers.get("access-control-allow-origin")).toBeNull();
  });

  test("asks for the view token if one is set, and says when the server is full", async () => {
    const token = "a-token-to-view-with";
    const { post } = await start("--view-token", token, "--max-viewers", "1");
    const bearer = { Authorization: `Bearer ${token}` };
    const missing = await post(await newOffer());
    expect(missing.headers.get("www-authenticate")).toBe("Bearer");
    expect(await problemOf(missing)).toBe(401);
    expect(await problemOf(await post(await newOffer(), { Authorization: "Bearer another" }))).toBe(403);
    const admitted = await post(await newOffer(), bearer);
    expect(admitted.status).toBe(201);
    const full = await post(await newOffer(), bearer);
    expect(full.headers.get("retry-after")).toBe("10");
    expect(await problemOf(full)).toBe(503);
    const offer = await newOffer();
    await vi.waitFor(
      async () => {
        const guessed = await post(offer, { Authorization: "Bearer a-guess" });
        expect([guessed.status, guessed.headers.get("retry-after")]).toEqual([429, "5"]);
      },
      { timeout: 10_000, interval: 1 },
    );
  });
});
