import { once } from "node:events";
import type { Browser, Page } from "puppeteer-core";
import { io, type Socket } from "socket.io-client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { CAMERA_POSE, type Lease, type Operating, type Pose } from "../../src/shared/control.ts";
import type { Reply } from "../../src/shared/protocol.ts";
import { raw } from "../helpers/multipart-writer.ts";
import { stripes } from "../helpers/pictures.ts";
import { describeInBrowsers } from "../setup/browsers.ts";
import { openPlayer, waitForState } from "./helpers/player.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const PUBLISH = "a-token-to-publish";
const VIEW = "a-token-to-view";
const CONTROL = "a-token-to-control";
const OPERATE = "a-token-to-operate";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000 });

/** A program that publishes a still picture, and takes the poses of whoever turns the camera. */
class ControlledPublisher {
  readonly poses: Pose[] = [];
  readonly #stop = new AbortController();
  closed = false;

  constructor(server: ServerProcess, name: string) {
    const pixels = raw("rgb", 64, 48, stripes("rgb", 64, 48, [[200, 0, 0]]));
    const publisher = new TestPublisher(`${server.url}/streams/${name}`, bearer(PUBLISH));
    publisher.play(pixels);
    ends.push(() => publisher.destroy());
    ends.push(() => this.disallow());
  }

  /** Opens the connection by which the poses come. */
  async allow(server: ServerProcess, name: string): Promise<void> {
    const { signal } = this.#stop;
    const response = await fetch(`${server.url}/streams/${name}/control`, {
      headers: bearer(PUBLISH),
      signal,
    });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    void this.#read(response).catch(() => {
      this.closed = true;
    });
  }

  disallow(): void {
    this.#stop.abort();
  }

  async #read(response: Response): Promise<void> {
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        const [, json] = /^event: pose\ndata: (.*)$/.exec(event) ?? [];
        if (json !== undefined) this.poses.push(JSON.parse(json));
      }
    }
    this.closed = true;
  }
}

describe("a server that allows control", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer(
      ...["--control", "orbit", "--control-token", CONTROL, "--view-token", VIEW],
      ...["--publish-token", PUBLISH, "--operate-token", OPERATE],
    );
  });
  afterAll(() => server?.stop());

  async function published(name: string): Promise<ControlledPublisher> {
    const publisher = new ControlledPublisher(server, name);
    await eventually(async () => expect(await infoOf(name)).toMatchObject({ state: { kind: "live" } }));
    await publisher.allow(server, name);
    await eventually(async () => expect(await infoOf(name)).toMatchObject({ control: { mode: "orbit" } }));
    return publisher;
  }

  const infoOf = async (name: string): Promise<unknown> =>
    (await fetch(`${server.url}/streams/${name}`, { headers: bearer(VIEW) })).json();

  function viewer(token: string): Socket {
    const socket = io(server.url, { auth: { token }, transports: ["websocket"], reconnection: false });
    ends.push(() => socket.close());
    return socket;
  }

  const ask = (socket: Socket, name: string): Promise<Reply<Operating>> =>
    socket.emitWithAck("operate", name);

  async function leaseOf(socket: Socket, name: string): Promise<Lease> {
    const reply = await ask(socket, name);
    if (!reply.ok || !reply.value.lease) throw new Error(`no lease: ${JSON.stringify(reply)}`);
    return reply.value.lease;
  }

  test("passes the holder's poses to the publisher, and nobody else's", async () => {
    const publisher = await published("robot");
    const [holder, other] = [viewer(CONTROL), viewer(CONTROL)];
    const lease = await leaseOf(holder, "robot");
    expect(await ask(other, "robot")).toEqual({ ok: true, value: { viewer: 2 } });
    expect(await infoOf("robot")).toMatchObject({ control: { holder: 1, asking: 2 } });
    const theirs = { lease: lease.id, seq: 5, pose: { ...CAMERA_POSE, yaw: 3 } };
    other.emit("control", theirs);
    for (const seq of [1, 2])
      holder.emit("control", { lease: lease.id, seq, pose: { ...CAMERA_POSE, yaw: seq } });
    await eventually(() => expect(publisher.poses.at(-1)?.yaw).toBe(2));
    // Handed over, where it was.
    const granted = once(other as never, "lease");
    holder.emit("release");
    const [next] = (await granted) as [Lease];
    expect(next.pose.yaw).toBe(2);
    other.emit("control", { ...theirs, lease: next.id });
    await eventually(() => expect(publisher.poses.at(-1)?.yaw).toBe(3));
    expect(new Set(publisher.poses.map(({ yaw }) => yaw))).toEqual(new Set([0, 1, 2, 3]));
  });

  test("gives the lease on when its holder's page is gone", async () => {
    await published("gone");
    const [holder, other] = [viewer(CONTROL), viewer(CONTROL)];
    await leaseOf(holder, "gone");
    await ask(other, "gone");
    const granted = once(other as never, "lease");
    holder.io.engine.close();
    await granted;
    expect(await infoOf("gone")).toMatchObject({ control: { holder: 2 } });
  });

  test("refuses viewers without the right, and takes the lease back for an operator", async () => {
    const publisher = await published("mine");
    expect(await ask(viewer(VIEW), "mine")).toMatchObject({ ok: false, code: "token" });
    const holder = viewer(CONTROL);
    const lease = await leaseOf(holder, "mine");
    const move = { lease: lease.id, seq: 0, pose: { ...CAMERA_POSE, yaw: 1 } };
    holder.emit("control", move);
    await eventually(() => expect(publisher.poses.at(-1)?.yaw).toBe(1));
    const remove = (token: string) =>
      fetch(`${server.url}/streams/mine/control`, { method: "DELETE", headers: bearer(token) });
    expect((await remove(CONTROL)).status).toBe(403);
    const ended = once(holder as never, "leaseEnded");
    expect((await remove(OPERATE)).status).toBe(200);
    expect(await ended).toEqual(["taken-back"]);
    holder.emit("control", { ...move, seq: 1 });
    await eventually(() => expect(publisher.poses.at(-1)).toEqual(CAMERA_POSE));
  });

  test("ends control when the publisher does not allow it any more", async () => {
    const publisher = await published("closing");
    const holder = viewer(CONTROL);
    await leaseOf(holder, "closing");
    const ended = once(holder as never, "leaseEnded");
    publisher.disallow();
    expect(await ended).toEqual(["off"]);
    await eventually(async () => expect(await infoOf("closing")).not.toHaveProperty("control"));
  });

  test("gives poses to publishers only", async () => {
    await published("private");
    for (const token of [VIEW, CONTROL, OPERATE]) {
      const answer = await fetch(`${server.url}/streams/private/control`, { headers: bearer(token) });
      expect(answer.status).toBe(403);
    }
  });

  test("lets operators alone make links to control", async () => {
    await published("linked");
    const share = (token: string) =>
      fetch(`${server.url}/streams/linked/share?control`, { method: "POST", headers: bearer(token) });
    for (const token of [VIEW, CONTROL]) expect((await share(token)).status).toBe(403);
    const { token, id } = (await (await share(OPERATE)).json()) as { token: string; id: string };
    const holder = viewer(token);
    await leaseOf(holder, "linked");
    const ended = Promise.race([once(holder as never, "leaseEnded"), once(holder as never, "disconnect")]);
    await fetch(`${server.url}/shares/revoke?id=${id}`, { method: "POST", headers: bearer(OPERATE) });
    await ended;
    await eventually(async () =>
      expect((await infoOf("linked")) as object).toMatchObject({ control: { mode: "orbit" } }),
    );
  });

  test("closes a socket that floods it, and other holders do not notice", async () => {
    const publisher = await published("flooded");
    const [flooder, holder] = [viewer(CONTROL), viewer(CONTROL)];
    const lease = await leaseOf(holder, "flooded");
    const closed = once(flooder as never, "disconnect");
    const move = { lease: lease.id, seq: 0, pose: CAMERA_POSE };
    for (let n = 0; n < 1000; n++) flooder.emit("control", { ...move, seq: n });
    await closed;
    // As often as a page sends, for longer than a window of the limits for other requests.
    for (let seq = 0; seq < 300; seq++)
      holder.emit("control", { ...move, seq, pose: { ...CAMERA_POSE, yaw: 2 } });
    await eventually(() => expect(publisher.poses.at(-1)?.yaw).toBe(2));
    expect(holder.connected).toBe(true);
  });
});

describeInBrowsers("a page that controls a stream", ({ launch }) => {
  let browser: Browser;
  let server: ServerProcess;
  let publisher: ControlledPublisher;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = await startServer("--control", "orbit", "--publish-token", PUBLISH);
    ends.push(() => server.stop());
    publisher = new ControlledPublisher(server, "robot");
    await eventually(async () => expect((await server.info("robot")).state.kind).toBe("live"));
    await publisher.allow(server, "robot");
  });

  async function open(hash = ""): Promise<Page> {
    const page = await openPlayer(browser, `${server.url}/watch/robot${hash}`);
    ends.push(() => page.isClosed() || page.close());
    await waitForState(page, "live");
    await page.waitForFunction(
      () => document.querySelector("rendercast-player")?.stream?.control !== undefined,
    );
    return page;
  }

  const newest = () => publisher.poses.at(-1) ?? CAMERA_POSE;
  const noteOf = (page: Page) =>
    page.evaluate(
      () => document.querySelector("rendercast-player")?.shadowRoot?.querySelector(".note")?.textContent,
    );
  const shows = (page: Page, text: RegExp) =>
    expect.poll(() => noteOf(page), { timeout: 10_000 }).toMatch(text);

  /** The middle of the picture, and its height. */
  async function middleOf(page: Page): Promise<{ x: number; y: number; height: number }> {
    const box = await (await page.$("rendercast-player"))?.boundingBox();
    if (!box) throw new Error("no player");
    return { x: box.x + box.width / 2, y: box.y + box.height / 2, height: box.height };
  }

  async function takeControl(page: Page): Promise<void> {
    await page.bringToFront();
    await page.focus("rendercast-player");
    await page.keyboard.press("c");
  }

  test("orbits, pans and moves closer by mouse, wheel and keys, and resets", async () => {
    const page = await open();
    const { x, y, height } = await middleOf(page);
    await takeControl(page);
    await shows(page, /^You turn the view/);
    const drag = async (button: "left" | "right") => {
      await page.mouse.move(x, y);
      await page.mouse.down({ button });
      await page.mouse.move(x + height / 4, y + height / 8, { steps: 4 });
      await page.mouse.up({ button });
    };
    await drag("left");
    await eventually(() => expect(newest().yaw).toBeCloseTo(Math.PI / 4));
    expect(newest().pitch).toBeCloseTo(Math.PI / 8);
    await drag("right");
    await eventually(() => expect(newest().x).toBeCloseTo(-0.25));
    expect(newest().y).toBeCloseTo(0.125);
    await page.mouse.wheel({ deltaY: -200 });
    await eventually(() => expect(newest().distance).toBeCloseTo(Math.exp(-0.2)));
    expect(await page.evaluate(() => scrollY)).toBe(0);
    await page.keyboard.press("Home");
    await eventually(() => expect(newest()).toEqual(CAMERA_POSE));
    await page.keyboard.press("ArrowRight");
    await eventually(() => expect(newest().yaw).toBeCloseTo(Math.PI / 36));
  });

  test("turns by one finger, and moves closer by two", async () => {
    const page = await open();
    const { x, y, height } = await middleOf(page);
    await takeControl(page);
    await shows(page, /^You turn the view/);
    const finger = await page.touchscreen.touchStart(x, y);
    await finger.move(x + height / 8, y);
    await finger.move(x + height / 4, y);
    await finger.end();
    await eventually(() => expect(newest().yaw).toBeCloseTo(Math.PI / 4));
    const [left, right] = [
      await page.touchscreen.touchStart(x - height / 8, y),
      await page.touchscreen.touchStart(x + height / 8, y),
    ];
    await left.move(x - height / 4, y);
    await right.move(x + height / 4, y);
    await left.end();
    await right.end();
    await eventually(() => expect(newest().distance).toBeCloseTo(0.5));
    expect(newest().yaw).toBeCloseTo(Math.PI / 4);
  });

  test("sees who holds it, asks, and gets it when the holder hands over or its page is closed", async () => {
    const first = await open();
    const second = await open();
    await takeControl(first);
    await shows(first, /^You turn the view/);
    await shows(second, /^Viewer 1 turns the view\.$/);
    await takeControl(second);
    await shows(second, /sees that you ask/);
    await shows(first, /^Viewer 2 asks/);
    await takeControl(first);
    await shows(second, /^You turn the view/);
    await shows(first, /^Viewer 2 turns the view\.$/);
    await takeControl(first);
    await shows(first, /sees that you ask/);
    await second.close();
    await shows(first, /^You turn the view/);
  });

  test("makes a link by which others turn the view", async () => {
    const page = await open();
    await page.click("#share");
    const link = () =>
      page.evaluate(() => document.querySelector<HTMLTextAreaElement>(".share textarea")?.value);
    await expect.poll(link, { timeout: 10_000 }).toMatch(/\/watch\/robot$/);
    await page.click("#share-control");
    await expect.poll(link, { timeout: 10_000 }).toMatch(/\/watch\/robot#token=/);
    const token = new URL((await link()) ?? "").hash;
    await page.click("#share-control");
    await expect.poll(link).toMatch(/\/watch\/robot$/);
    const other = await open(token);
    await takeControl(other);
    await shows(other, /^You turn the view/);
  });

  test("sends nothing while it is paused, and asks again after a restart of the publisher's connection", async () => {
    const page = await open();
    await takeControl(page);
    await shows(page, /^You turn the view/);
    await page.evaluate(() => document.querySelector("rendercast-player")?.pause());
    await expect.poll(async () => (await server.info("robot")).control).toEqual({ mode: "orbit" });
    await page.keyboard.press("ArrowRight");
    await page.evaluate(() => document.querySelector("rendercast-player")?.play());
    await page.waitForFunction(
      () => document.querySelector("rendercast-player")?.stream?.control !== undefined,
    );
    expect(newest()).toEqual(CAMERA_POSE);
    await takeControl(page);
    await shows(page, /^You turn the view/);
    publisher.disallow();
    await shows(page, /cannot be turned any more/);
  });
});

test("a server that was not told to allow control tells publishers so", async () => {
  const server = await startServer("--publish-token", PUBLISH);
  ends.push(() => server.stop());
  const answer = await fetch(`${server.url}/streams/main/control`, { headers: bearer(PUBLISH) });
  expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining("--control orbit")]);
});
