import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { linkSignerOf } from "../../../src/access/link-file.ts";
import { type LinkGrant, LinkSigner, type LinkState } from "../../../src/access/link-signer.ts";
import { SharedLinks } from "../../../src/cluster/shared-links.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const HOUR = 3_600_000;

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock(1_795_370_000_000);
});

/** What a link grants. Throws if it grants nothing. */
async function granted(signer: LinkSigner, token: string): Promise<LinkGrant> {
  const read = await signer.read(token);
  if (typeof read === "string") throw new Error(read);
  return read;
}

describe("a link", () => {
  test("names one stream, and expires", async () => {
    const signer = new LinkSigner(clock);
    const { token, id, until } = await signer.sign("film", HOUR);
    expect(await signer.read(token)).toMatchObject({ stream: "film", id, until });
    await clock.advance(HOUR);
    expect(await signer.read(token)).toBe("expired");
  });

  test.each([
    ["no stream", { jti: "abcdefghijklmnop", exp: 1_795_370_060 }],
    ["no end", { jti: "abcdefghijklmnop", sub: "film" }],
    ["no id", { sub: "film", exp: 1_795_370_060 }],
    ["another form", { jti: ["x"], sub: { a: 1 }, exp: 1_795_370_060 }],
  ])("with %s is wrong, even if it is signed with the key", async (_, claims) => {
    const signer = new LinkSigner(clock);
    const key = Buffer.from(signer.state.key, "base64url");
    const token = await new SignJWT(claims as JWTPayload).setProtectedHeader({ alg: "HS256" }).sign(key);
    expect(await signer.read(token)).toBe("wrong");
  });

  test("that is revoked ends its own viewers, and no others", async () => {
    const signer = new LinkSigner(clock);
    const [one, other] = [await signer.sign("main", HOUR), await signer.sign("main", HOUR)];
    const ended: string[] = [];
    for (const { token, id } of [one, other])
      signer.whenRevoked(await granted(signer, token), () => ended.push(id));
    const late = await granted(signer, one.token);
    await signer.revoke(one.id);
    expect(ended).toEqual([one.id]);
    expect(await signer.read(one.token)).toBe("expired");
    await granted(signer, other.token);
    // A viewer that was let in at the same moment.
    signer.whenRevoked(late, () => ended.push("late"));
    await clock.advance(1);
    expect(ended).toEqual([one.id, "late"]);
  });

  test("ends with all others when the key is replaced", async () => {
    const signer = new LinkSigner(clock);
    const { token } = await signer.sign("main", HOUR);
    const ended: string[] = [];
    const late = await granted(signer, token);
    const gone = signer.whenRevoked(late, () => ended.push("gone"));
    signer.whenRevoked(late, () => ended.push("there"));
    gone();
    await signer.revokeAll();
    signer.whenRevoked(late, () => ended.push("late"));
    await clock.advance(1);
    expect(ended).toEqual(["there", "late"]);
    expect(await signer.read(token)).toBe("wrong");
    await granted(signer, (await signer.sign("main", HOUR)).token);
  });

  test("is remembered as revoked until it would have expired, and the number is bounded", async () => {
    const signer = new LinkSigner(clock);
    const ids = Array.from({ length: 10_000 }, (_, n) => String(n).padStart(16, "0"));
    for (const id of ids.slice(0, 3)) await signer.revoke(id);
    await clock.advance(31 * 24 * HOUR);
    await signer.revoke(ids[3] ?? "");
    expect(signer.state.revoked).toHaveLength(1);
    const full = new LinkSigner(clock, {
      ...signer.state,
      revoked: ids.map((id) => ({ id, until: clock.now() + HOUR })),
    });
    expect(await full.revoke("abcdefghijklmnop")).toBeUndefined();
  });
});

describe("the key's file", () => {
  let folder: string;
  let logged: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "rendercast-links-"));
    logged = [];
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = (options: { port?: number; host?: string; stateDir?: string; revokeLinks?: boolean } = {}) =>
    linkSignerOf(
      { port: 8080, host: "::", stateDir: join(folder, "state"), revokeLinks: false, ...options },
      clock,
      (line) => logged.push(line),
    );
  const file = () => join(folder, "state", "links-8080.json");

  test("is readable only by this user, and keeps links and revocations over a restart", async () => {
    const first = open();
    const [kept, revoked] = [await first.sign("main", HOUR), await first.sign("main", HOUR)];
    await first.revoke(revoked.id);
    expect([statSync(file()).mode & 0o777, statSync(join(folder, "state")).mode & 0o777]).toEqual([
      0o600, 0o700,
    ]);
    const second = open();
    await granted(second, kept.token);
    expect(await second.read(revoked.token)).toBe("expired");
    await second.revokeAll();
    expect(await open().read(kept.token)).toBe("wrong");
    expect(readdirSync(join(folder, "state"))).toEqual(["links-8080.json"]);
    expect(logged).toEqual([]);
  });

  test("is separate for each address and port, and is not written if the port is chosen at random", async () => {
    const { token } = await open().sign("main", HOUR);
    for (const options of [{ port: 8090 }, { host: "127.0.0.1" }, { host: "::1" }])
      expect(await open(options).read(token)).toBe("wrong");
    open({ port: 0 });
    expect(readdirSync(join(folder, "state")).sort()).toEqual([
      ...["links-127.0.0.1-8080.json", "links-8080.json", "links-8090.json", "links-__1-8080.json"],
    ]);
  });

  test("is replaced if the server starts with --revoke-links", async () => {
    const { token } = await open().sign("main", HOUR);
    expect(await open({ revokeLinks: true }).read(token)).toBe("wrong");
    expect(await open().read(token)).toBe("wrong");
  });

  test("is replaced if others could have read or made it, or if it is damaged", async () => {
    const { token } = await open().sign("main", HOUR);
    const before = readFileSync(file(), "utf8");
    const makes: [() => void, RegExp][] = [
      [() => chmodSync(file(), 0o640), /was readable by other users/],
      [() => writeFileSync(file(), "{", { mode: 0o600 }), /is damaged/],
      [
        () => writeFileSync(file(), '{"key":"short","rotations":0,"revoked":[]}', { mode: 0o600 }),
        /is damaged/,
      ],
      [
        () => {
          writeFileSync(join(folder, "other"), before, { mode: 0o600 });
          rmSync(file());
          symlinkSync(join(folder, "other"), file());
        },
        /cannot be read \(ELOOP\)/,
      ],
    ];
    for (const [make, why] of makes) {
      rmSync(file());
      writeFileSync(file(), before, { mode: 0o600 });
      make();
      expect(await open().read(token)).toBe("wrong");
      expect(logged.pop()).toMatch(why);
      expect(statSync(file()).mode & 0o777).toBe(0o600);
    }
  });

  test("that cannot be written is logged once: links end with the server", async () => {
    writeFileSync(join(folder, "a file"), "");
    const signer = open({ stateDir: join(folder, "a file") });
    const { token } = await signer.sign("main", HOUR);
    await granted(signer, token);
    expect(logged).toEqual([expect.stringMatching(/^Links end with the server: .* --state-dir\.$/)]);
    expect(await signer.revokeAll()).toBe(true);
    expect(logged).toHaveLength(1);
  });

  test("that cannot be written later is reported", async () => {
    const signer = open();
    const { token } = await signer.sign("main", HOUR);
    rmSync(join(folder, "state"), { recursive: true });
    writeFileSync(join(folder, "state"), "");
    expect(await signer.revokeAll()).toBe(false);
    expect(await signer.read(token)).toBe("wrong");
    expect(logged).toEqual([expect.stringMatching(/cannot be written .* revoke the links again/)]);
    rmSync(join(folder, "state"));
    mkdirSync(join(folder, "state"));
    expect(await signer.revokeAll()).toBe(true);
  });
});

describe("joined servers", () => {
  let text: string | null;
  let isAway: boolean;
  beforeEach(() => {
    text = null;
    isAway = false;
  });
  const shared = {
    async read() {
      if (isAway) throw new Error("away");
      return text;
    },
    async write(changed: string) {
      if (isAway) throw new Error("away");
      text = changed;
    },
  };
  function join(): { signer: LinkSigner; links: SharedLinks } {
    const signer = new LinkSigner(clock);
    return { signer, links: new SharedLinks(signer, shared, clock) };
  }

  test("accept each other's links, and a link revoked at one ends at all", async () => {
    const [a, b] = [join(), join()];
    await Promise.all([a.links.sync(), b.links.sync()]);
    await clock.advance(4000);
    const [one, other] = [await a.signer.sign("main", HOUR), await b.signer.sign("main", HOUR)];
    await granted(b.signer, one.token);
    const ended: string[] = [];
    b.signer.whenRevoked(await granted(b.signer, one.token), () => ended.push("one"));
    b.signer.whenRevoked(await granted(b.signer, other.token), () => ended.push("other"));
    expect(await a.signer.revoke(one.id)).toBe(true);
    await clock.advance(2000);
    expect(ended).toEqual(["one"]);
    expect(await a.signer.revokeAll()).toBe(true);
    await clock.advance(2000);
    expect(ended).toEqual(["one", "other"]);
    await granted(b.signer, (await a.signer.sign("main", HOUR)).token);
  });

  test("keep their links when another server joins, or when Redis loses the key", async () => {
    const a = join();
    await a.links.sync();
    const { token } = await a.signer.sign("main", HOUR);
    const b = join();
    await b.links.sync();
    await granted(b.signer, token);
    for (const lost of [null, "", "{}", '{"key":1}']) {
      text = lost;
      await clock.advance(4000);
      for (const { signer } of [a, b]) await granted(signer, token);
      expect((JSON.parse(text ?? "") as LinkState).key).toBe(a.signer.state.key);
    }
  });

  test("learn what was revoked while Redis was away as soon as it is back", async () => {
    const [a, b] = [join(), join()];
    await a.links.sync();
    await b.links.sync();
    await a.signer.revokeAll();
    await clock.advance(2000);
    const { token } = await b.signer.sign("main", HOUR);
    isAway = true;
    // A server that has never met the others revokes all links.
    const c = join();
    expect(await c.signer.revokeAll()).toBe(false);
    isAway = false;
    await clock.advance(4000);
    for (const { signer } of [a, b, c]) expect(await signer.read(token)).toBe("wrong");
    await granted(a.signer, (await c.signer.sign("main", HOUR)).token);
  });

  test("keep both of two links revoked at the same time", async () => {
    const [a, b] = [join(), join()];
    await a.links.sync();
    await b.links.sync();
    const [one, other] = [await a.signer.sign("main", HOUR), await a.signer.sign("main", HOUR)];
    isAway = true;
    expect([await a.signer.revoke(one.id), await b.signer.revoke(other.id)]).toEqual([false, false]);
    isAway = false;
    await clock.advance(6000);
    for (const { signer } of [a, b])
      for (const { token } of [one, other]) expect(await signer.read(token)).toBe("expired");
    a.links.close();
    b.links.close();
    expect(clock.timers).toBe(0);
  });
});
