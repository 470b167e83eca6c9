import { type ChildProcess, spawn } from "node:child_process";
import { hkdfSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jwtVerify, SignJWT } from "jose";
import { io } from "socket.io-client";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { VIEWER_OFFER } from "../helpers/offer.ts";
import { describeWith } from "../setup/suites.ts";
import { freePort } from "./helpers/free-port.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/** A token that people choose, and that stands in every list of passwords. */
const WEAK = "password1";
const GUESSES = ["12345678", "qwertyui", "letmein1", WEAK, "iloveyou"];

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

/** The key that links were once signed with, as whoever knows the secret could make it. */
const derivedFrom = (secret: string) =>
  new Uint8Array(hkdfSync("sha256", secret, "", "rendercast share links", 32));

interface Links {
  readonly link: string;
  readonly image: string;
  readonly token: string;
  readonly id: string;
}

async function shared(server: ServerProcess, token: string, stream = "main"): Promise<Links> {
  const headers = bearer(token);
  const response = await fetch(`${server.url}/streams/${stream}/share`, { method: "POST", headers });
  expect(response.status).toBe(200);
  return (await response.json()) as Links;
}

describe("a client that knows the view token, or has a link made with it,", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer("--view-token", WEAK, "--publish-token", "a token to publish");
  });
  afterAll(() => server?.stop());

  test("cannot sign a token with more rights than to view", async () => {
    const sign = (key: Uint8Array) =>
      new SignJWT({ rights: ["publish", "view", "operate"], exp: Math.floor(Date.now() / 1000) + 60 })
        .setProtectedHeader({ alg: "HS256" })
        .sign(key);
    for (const key of [derivedFrom(WEAK), new TextEncoder().encode(WEAK)]) {
      const headers = bearer(await sign(key));
      const metrics = await fetch(`${server.url}/metrics`, { headers });
      const publish = await fetch(`${server.url}/streams/evil`, { method: "POST", headers });
      const view = await fetch(`${server.url}/streams/main`, { headers });
      expect([metrics.status, publish.status, view.status]).toEqual([403, 403, 403]);
    }
  });

  test("cannot find the view token from a link by guessing", async () => {
    const { token } = await shared(server, WEAK);
    const found: string[] = [];
    for (const guess of GUESSES)
      for (const key of [derivedFrom(guess), new TextEncoder().encode(guess)])
        await jwtVerify(token, key).then(
          () => found.push(guess),
          () => {},
        );
    expect(found).toEqual([]);
  });
});

const VIEW = "a-token-to-view";
const OPERATE = "a-token-to-operate";
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function started(...options: string[]): Promise<ServerProcess> {
  const server = await startServer("--view-token", VIEW, "--operate-token", OPERATE, ...options);
  ends.push(() => server.stop());
  return server;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "rendercast-links-"));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const watches = async (server: ServerProcess, token: string) =>
  (await fetch(`${server.url}/streams/main`, { headers: bearer(token) })).status;

const revoke = (server: ServerProcess, query = "", token = OPERATE) =>
  fetch(`${server.url}/shares/revoke${query}`, { method: "POST", headers: bearer(token) });

describe("links", () => {
  test("survive a restart with a key that only this user may read, until they are revoked", async () => {
    const folder = newFolder();
    const port = String(await freePort());
    const options = ["--port", port, "--state-dir", join(folder, "state")];
    const first = await started(...options);
    const { token } = await shared(first, VIEW);
    expect(statSync(join(folder, "state", `links-${port}.json`)).mode & 0o777).toBe(0o600);
    await first.stop();
    // Whatever the password is by then.
    const second = await startServer("--view-token", "changed since", ...options);
    expect(await watches(second, token)).toBe(200);
    await second.stop();
    const third = await startServer("--view-token", VIEW, ...options, "--revoke-links");
    expect(await watches(third, token)).toBe(403);
    await third.stop();
  });

  test("end with the server if nothing can be written, and the log says so once", async () => {
    const file = join(newFolder(), "a file");
    writeFileSync(file, "");
    const server = await started("--port", String(await freePort()), "--state-dir", file);
    const { token } = await shared(server, VIEW);
    expect(await watches(server, token)).toBe(200);
    expect(server.output().match(/Links end with the server/g)).toHaveLength(1);
  });

  test("can be revoked by an operator one by one or all at once, which ends their sessions", async () => {
    const server = await started();
    const [one, other] = [await shared(server, VIEW), await shared(server, OPERATE)];
    for (const [token, status] of [
      [VIEW, 403],
      [one.token, 403],
      ["", 403],
    ] as const)
      expect((await revoke(server, "", token)).status).toBe(status);
    expect((await revoke(server, "?id=x")).status).toBe(400);

    const watching = async ({ image, token }: Links) => {
      const ended: string[] = [];
      const socket = io(server.url, { auth: { token }, reconnection: false, forceNew: true });
      ends.push(() => socket.disconnect());
      socket.on("disconnect", (reason) => ended.push(`socket: ${reason}`));
      await once(socket as unknown as NodeJS.EventEmitter, "connect");
      expect(await socket.timeout(5000).emitWithAck("follow", "main")).toMatchObject({ ok: true });
      const picture = await fetch(image);
      picture.arrayBuffer().catch(() => ended.push("picture"));
      const headers = { ...bearer(token), "Content-Type": "application/sdp" };
      const whep = await fetch(`${server.url}/streams/main/whep`, {
        method: "POST",
        headers,
        body: VIEWER_OFFER,
      });
      expect(whep.status).toBe(201);
      const session = `${server.url}${whep.headers.get("location")}`;
      return { ended, session: async () => (await fetch(session)).status };
    };
    const [first, second] = [await watching(one), await watching(other)];
    const isOver = ({ ended, session }: typeof first) =>
      vi.waitFor(async () => {
        expect(ended.sort()).toEqual(["picture", "socket: io server disconnect"]);
        expect(await session()).toBe(404);
      });
    expect(await (await revoke(server, `?id=${one.id}`)).text()).toBe("The link has ended.\n");
    await isOver(first);
    expect(await watches(server, one.token)).toBe(401);
    expect([second.ended, await second.session()]).toEqual([[], 204]);
    expect(await (await revoke(server)).text()).toBe("All links have ended.\n");
    await isOver(second);
    expect(await watches(server, other.token)).toBe(403);
    expect(await watches(server, (await shared(server, VIEW)).token)).toBe(200);
    for (const { token } of [one, other]) expect(server.output()).not.toContain(token);
  });
});

describeWith(["redis"], "servers that Redis joins", ({ redis }) => {
  let store: ChildProcess;
  let address: string;
  beforeAll(async () => {
    const port = await freePort();
    address = `redis://127.0.0.1:${port}`;
    store = spawn(redis, ["--port", String(port), "--bind", "127.0.0.1", "--save", ""]);
  });
  afterAll(() => store?.kill());

  test("accept each other's links, and each ends the sessions of links that the other revokes", async () => {
    const options = ["--redis", address, "--host", "127.0.0.1"];
    const [a, b] = await Promise.all([started(...options), started(...options)]);
    const { token, id } = await shared(a, VIEW);
    const { token: kept } = await shared(b, VIEW);
    await vi.waitFor(async () => expect(await watches(b, token)).toBe(200), { timeout: 10_000 });
    const events = await fetch(`${b.url}/streams/main/events`, { headers: bearer(token) });
    const ended = expect(events.text()).rejects.toThrow();
    expect((await revoke(a, `?id=${id}`)).status).toBe(200);
    await ended;
    expect(await watches(b, token)).toBe(401);
    expect(await watches(a, kept)).toBe(200);
    // A server that comes later, or comes again, has the same key.
    await b.stop();
    const c = await started(...options);
    expect([await watches(c, kept), await watches(c, token)]).toEqual([200, 401]);
  });
});
