import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request, Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { listenLocally } from "../../src/http/listen.ts";
import { image } from "../helpers/multipart-writer.ts";
import { gradientJpeg } from "../helpers/pictures.ts";
import { describeWith } from "../setup/suites.ts";
import { freePort } from "./helpers/free-port.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const [PUBLISH, OPERATE, VIEW] = ["a-token-to-publish", "a-token-to-operate", "a-token-to-view"];
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

let folder: string;
const ends: (() => unknown)[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rendercast-here-"));
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function started(...options: string[]): Promise<ServerProcess> {
  const server = await startServer(...options);
  ends.push(() => server.stop());
  return server;
}

/** What who comes without a token gets: publishing, the figures, and a link, in that order. */
async function trials(url: string): Promise<(number | undefined)[]> {
  const publisher = new TestPublisher(`${url}/streams/evil`);
  publisher.play(image(await gradientJpeg(40, 30)));
  const isLive = vi.waitFor(
    async () => expect((await (await fetch(`${url}/streams/evil`)).json()).state.kind).toBe("live"),
    { timeout: 20_000 },
  );
  const published = await Promise.race([
    isLive.then(() => 200),
    publisher.answer.then(({ status }) => status),
  ]);
  publisher.destroy();
  isLive.catch(() => {});
  const metrics = await fetch(`${url}/metrics`);
  const share = await fetch(`${url}/streams/main/share`, { method: "POST" });
  return [published, metrics.status, share.status];
}

/** A proxy as its users set it up with the fewest words; it adds no header. */
interface PlainProxy {
  readonly name: "nginx" | "haproxy";
  readonly configuration: (from: number, to: number) => string;
  readonly arguments: (file: string) => string[];
}

const PROXIES: PlainProxy[] = [
  {
    name: "nginx",
    configuration: (
      from,
      to,
    ) => `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {}
      http { ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ")}
      access_log off;
      server { listen 127.0.0.1:${from}; location / {
        proxy_pass http://127.0.0.1:${to}; proxy_http_version 1.1; proxy_request_buffering off; } } }`,
    arguments: (file) => ["-p", folder, "-c", file, "-e", "stderr"],
  },
  {
    name: "haproxy",
    configuration: (from, to) => `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen rendercast
  bind 127.0.0.1:${from}
  server one 127.0.0.1:${to}
`,
    arguments: (file) => ["-db", "-q", "-f", file],
  },
];

for (const proxy of PROXIES) {
  describeWith([proxy.name], `through ${proxy.name}, which adds no header,`, (paths) => {
    let running: ChildProcess | undefined;
    afterEach(async () => {
      if (running && running.exitCode === null && running.kill()) await once(running, "exit");
    });

    async function passing(to: ServerProcess): Promise<string> {
      const port = await freePort();
      const file = join(folder, `${proxy.name}.conf`);
      writeFileSync(file, proxy.configuration(port, to.port));
      running = spawn(paths[proxy.name], proxy.arguments(file), { stdio: ["ignore", "ignore", "inherit"] });
      const url = `http://localhost:${port}`;
      await vi.waitFor(() => fetch(`${url}/healthz`), { timeout: 10_000 });
      return url;
    }

    test("nobody publishes, operates or makes a link without the token if the server has one", async () => {
      const server = await started("--publish-token", PUBLISH, "--operate-token", OPERATE);
      expect(await trials(await passing(server))).toEqual([401, 401, 401]);
      expect(server.output()).toContain("Publishing and operating need a token, on this machine too");
    });

    test("nobody gets around a view token by making a link for themselves", async () => {
      const server = await started("--view-token", VIEW);
      const url = await passing(server);
      const share = await fetch(`${url}/streams/main/share`, { method: "POST" });
      expect([share.status, await share.text()]).toEqual([401, expect.stringMatching(/^Making links needs/)]);
      expect((await fetch(`${url}/streams/main/snapshot.jpg`)).status).toBe(401);
    });

    test("nobody does so if a proxy is configured, or this machine is not trusted", async () => {
      for (const options of [
        ["--trust-proxy", "127.0.0.1"],
        ["--trust-this-machine", "off"],
      ]) {
        const server = await started(...options);
        expect(await trials(await passing(server))).toEqual([401, 401, 401]);
        if (running?.kill()) await once(running, "exit");
        await server.stop();
      }
    });

    test("everybody does if no token is set, and the server says so when it starts", async () => {
      const server = await started();
      expect(server.output()).toMatch(
        /may publish and operate without a token\. So may everybody behind a proxy/,
      );
      expect(await trials(await passing(server))).toEqual([200, 200, 200]);
    });
  });
}

describe("a program on this machine", () => {
  const publish = (url: string, headers = {}) => new TestPublisher(`${url}/streams/film`, headers).answer;

  test("needs the same token as everybody, and is told which", async () => {
    const server = await started("--publish-token", PUBLISH);
    expect(server.output()).toMatch(/This machine may operate without a token\./);
    expect(await publish(server.url)).toMatchObject({
      status: 401,
      text: "Publishing needs the token of this server's --publish-token. To use it, enter it as Token in the add-on, or send it in the header Authorization: Bearer TOKEN.\n",
    });
    expect((await fetch(`${server.url}/metrics`)).status).toBe(200);
  });

  test("needs no token if it is explicitly trusted, whatever tokens and proxies are configured", async () => {
    const server = await started(
      ...["--publish-token", PUBLISH, "--operate-token", OPERATE, "--view-token", VIEW],
      ...["--trust-proxy", "127.0.0.1", "--trust-this-machine", "on"],
    );
    expect((await fetch(`${server.url}/metrics`)).status).toBe(200);
    expect((await fetch(`${server.url}/streams/main/share`, { method: "POST" })).status).toBe(200);
    expect(await publish(server.url, { "Content-Type": "image/png" })).toMatchObject({ status: 415 });
  });

  test("needs no token over the Unix socket, which no other user may open", async () => {
    const socketPath = join(folder, "publish.sock");
    const server = await started(
      "--publish-token",
      PUBLISH,
      "--operate-token",
      OPERATE,
      "--ingest-socket",
      socketPath,
    );
    expect(server.output()).toContain("except over the Unix socket");
    const publisher = new TestPublisher({ socketPath, path: "/streams/main" });
    publisher.play(image(await gradientJpeg(40, 30)));
    await vi.waitFor(async () => expect((await server.info()).source).toBe("publisher on this machine"));
    publisher.destroy();
    const metrics = await new Promise((resolve) => request({ socketPath, path: "/metrics" }, resolve).end());
    expect(metrics).toMatchObject({ statusCode: 200 });
  });
});

/** Looks at the socket's file at the moment when it is there. */
class WatchedServer extends Server {
  mode: number | undefined;

  override listen(...parameters: unknown[]): this {
    super.listen(...(parameters as [string]));
    this.mode = statSync(String(parameters[0])).mode & 0o777;
    return this;
  }
}

test("a Unix socket belongs to this user only from the moment it exists", async () => {
  const server = new WatchedServer();
  ends.push(() => server.close());
  const [path, umask] = [join(folder, "first.sock"), process.umask(0)];
  try {
    await listenLocally(server, path);
  } finally {
    process.umask(umask);
  }
  expect([server.mode, statSync(path).mode & 0o777]).toEqual([0o600, 0o600]);
});

test("a request for rights with a wrong token counts as one guess", async () => {
  const server = await started("--view-token", VIEW, "--publish-token", PUBLISH, "--operate-token", OPERATE);
  const rights = async (token: string) =>
    (await fetch(`${server.url}/streams/main/rights`, { headers: bearer(token) })).json();
  for (let n = 0; n < 15; n++) expect(await rights(`a wrong token ${n}`)).toEqual([]);
  expect(await rights(VIEW)).toEqual(["view", "share"]);
});
