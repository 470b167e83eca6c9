/** What a web page of another site reads of an open server, through the browser of somebody who can reach that. */
import { type IncomingHttpHeaders, request } from "node:http";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeInBrowsers } from "../setup/browsers.ts";
import { type ForeignSite, openForeignSite } from "./helpers/foreign-site.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/** How engine.io's JSONP is used: a script to read by, a form to write by. It runs in the page. */
function jsonpClient(server: string) {
  const queue: string[] = [];
  Object.assign(window, { ___eio: [(payload: string) => queue.push(...payload.split("\x1e"))] });
  const query = (sid: string) => `${server}/socket.io/?EIO=4&transport=polling&j=0${sid && `&sid=${sid}`}`;
  return {
    /** Resolves with the packets that came, none where the server or the browser refused. */
    poll: (sid = "") =>
      new Promise<string[]>((resolve) => {
        const script = document.createElement("script");
        script.src = `${query(sid)}&t=${Math.random()}`;
        const done = () => resolve(queue.splice(0));
        script.onload = done;
        script.onerror = done;
        document.head.append(script);
      }),
    /** Resolves once the form has been answered, however. */
    post: (sid: string, packet: string) =>
      new Promise<void>((resolve) => {
        const frame = document.createElement("iframe");
        frame.name = `frame${Math.random()}`;
        const form = document.createElement("form");
        Object.assign(form, { action: query(sid), method: "POST", target: frame.name });
        const field = document.createElement("textarea");
        // Escaped newlines would be read as newlines.
        Object.assign(field, {
          name: "d",
          value: packet.replaceAll("\\n", "\\u000a").replaceAll("\\r", "\\u000d"),
        });
        form.append(field);
        document.body.append(frame, form);
        frame.onload = () => resolve();
        form.submit();
      }),
  };
}

/** Watches the stream by JSONP: what the page gets of it. */
async function watchByJsonp(server: string, client: string) {
  const { poll, post }: ReturnType<typeof jsonpClient> = new Function(`return (${client})`)()(server);
  const found: { description?: string; report?: string; brightest?: number } = {};
  const [open = ""] = await poll();
  if (!open.startsWith("0")) return found;
  const { sid } = JSON.parse(open.slice(1));
  const packets: string[] = [];
  const answered = async (start: string) => {
    for (let polls = 0; polls < 20; polls++) {
      packets.push(...(await poll(sid)));
      const packet = packets.find((one) => one.startsWith(start));
      if (packet !== undefined) return packet;
    }
    return undefined;
  };
  await post(sid, "40");
  if ((await answered("40")) === undefined) return found;
  await post(sid, '420["follow","main"]');
  const description = await answered("430");
  if (description !== undefined) found.description = description;

  const connection = new RTCPeerConnection();
  connection.addTransceiver("video", { direction: "recvonly" });
  const reported = new Promise<string>((resolve) => {
    connection.createDataChannel("frames").onmessage = ({ data }) => resolve(data);
  });
  const video = document.createElement("video");
  Object.assign(video, { muted: true, autoplay: true });
  document.body.append(video);
  connection.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track]);
  };
  const shown = new Promise<void>((resolve) => video.addEventListener("playing", () => resolve()));
  await connection.setLocalDescription();
  const offer = connection.localDescription?.sdp;
  await post(sid, `421${JSON.stringify(["watch", { stream: "main", offer }])}`);
  const answer = await answered("431");
  if (answer === undefined) return found;
  const [{ value }] = JSON.parse(answer.slice(3));
  await connection.setRemoteDescription({ type: "answer", sdp: value.answer });
  found.report = await reported;
  await shown;
  const context = new OffscreenCanvas(480, 270).getContext("2d");
  context?.drawImage(video, 0, 0);
  const pixels = [...(context?.getImageData(0, 0, 480, 270).data ?? [])].filter((_, i) => i % 4 !== 3);
  found.brightest = pixels.reduce((most, level) => Math.max(most, level), 0);
  connection.close();
  return found;
}

type Way = (server: string) => Promise<unknown>;

/** What a page may try to read with. Each runs in the page, and resolves with what it could read, if anything. */
const READING: Readonly<Record<string, Way>> = {
  "a fetch": async (server) => (await fetch(`${server}/streams`).catch(() => undefined))?.text(),
  "a fetch without CORS": async (server) => {
    const answer = await fetch(`${server}/streams/main`, { mode: "no-cors" }).catch(() => undefined);
    return (await answer?.text()) || undefined;
  },
  "a fetch of socket.io's polling": async (server) =>
    // The answer says only why it is refused.
    (await (await fetch(`${server}/socket.io/?EIO=4&transport=polling`)).json()).sid,
  "a fetch of a picture": async (server) =>
    (await fetch(`${server}/streams/main/snapshot.jpg`).catch(() => undefined))?.status,
  "an XMLHttpRequest": (server) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("GET", `${server}/streams/main`);
      request.onloadend = () => resolve(request.responseText || undefined);
      request.send();
    }),
  "an EventSource": (server) =>
    new Promise((resolve) => {
      const events = new EventSource(`${server}/streams/main/events`);
      events.addEventListener("stream", ({ data }) => resolve(data));
      events.onerror = () => resolve(undefined);
    }),
  "a WebSocket": (server) =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${server.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => resolve(undefined);
    }),
  "a script of a description": (server) =>
    new Promise((resolve) => {
      const script = document.createElement("script");
      script.src = `${server}/streams/main`;
      script.onload = () => resolve("it ran");
      script.onerror = () => resolve(undefined);
      document.head.append(script);
    }),
  "a module of a description": (server) =>
    new Promise((resolve) => {
      const script = document.createElement("script");
      Object.assign(script, { type: "module", src: `${server}/streams/main` });
      script.onload = () => resolve("it ran");
      script.onerror = () => resolve(undefined);
      document.head.append(script);
    }),
  "a style sheet of a description": (server) =>
    new Promise((resolve) => {
      const link = document.createElement("link");
      Object.assign(link, { rel: "stylesheet", href: `${server}/streams/main` });
      link.onload = () => resolve(link.sheet ? undefined : "it was read");
      link.onerror = () => resolve(undefined);
      document.head.append(link);
    }),
  "a frame": (server) =>
    new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.src = `${server}/streams/main`;
      frame.onload = () => resolve(frame.contentDocument?.body?.textContent || undefined);
      document.body.append(frame);
    }),
  "a frame of no origin": (server) =>
    new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.sandbox.add("allow-scripts");
      frame.srcdoc = `<script>fetch("${server}/streams").then((answer) => answer.text(), () => undefined)
        .then((text) => parent.postMessage(text, "*"))</script>`;
      addEventListener("message", ({ data }) => resolve(data), { once: true });
      document.body.append(frame);
    }),
  "a worker of its own": (server) =>
    new Promise((resolve) => {
      const script = `fetch("${server}/streams").then((answer) => answer.text(), () => undefined).then(postMessage)`;
      const worker = new Worker(URL.createObjectURL(new Blob([script])));
      worker.onmessage = ({ data }) => resolve(data);
    }),
  "a fetch that its own site redirects": async (server) =>
    (await fetch(`/to?${server}/streams`).catch(() => undefined))?.text(),
  "a WebSocket that upgrades a session of polling": (server) =>
    new Promise((resolve) => {
      const query = "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA";
      const socket = new WebSocket(`${server.replace("http", "ws")}/socket.io/?${query}`);
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => resolve(undefined);
    }),
};

/** What a page gets of a picture in an `<img>`: whether it shows, and what its canvas says. It runs in the page. */
function drawPicture(url: string, cors: boolean) {
  return new Promise<{ shown: boolean; read?: string }>((resolve) => {
    const picture = new Image();
    if (cors) picture.crossOrigin = "anonymous";
    picture.onerror = () => resolve({ shown: false });
    picture.onload = () => {
      const context = document.createElement("canvas").getContext("2d");
      context?.drawImage(picture, 0, 0);
      try {
        resolve({ shown: true, read: String(context?.getImageData(0, 0, 1, 1).data) });
      } catch (error) {
        resolve({ shown: true, read: (error as Error).name });
      }
    };
    picture.src = url;
  });
}

describeInBrowsers("a page of another site, at an open server", ({ launch }) => {
  let browser: Browser;
  let site: ForeignSite;
  let server: ServerProcess;
  let page: Page;
  /** Its address as this machine, and as another in the network, which browsers tell less. */
  const addresses = { local: "", named: "" };
  beforeAll(async () => {
    [browser, site, server] = await Promise.all([
      launch({ hosts: ["evil.example", "render.example"] }),
      openForeignSite({
        "/to": (request, response) => response.writeHead(307, { Location: request.url?.slice(4) }).end(),
      }),
      startServer("--public-host", "render.example"),
    ]);
    addresses.local = server.url;
    addresses.named = `http://render.example:${server.port}`;
    page = await browser.newPage();
    await page.goto(site.originOf("evil.example"));
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
    await server?.stop();
  });

  describe.each(["local", "named"] as const)("at its %s address", (kind) => {
    test("gets no descriptions, frame reports or pixels through engine.io's JSONP", async () => {
      expect(await page.evaluate(watchByJsonp, addresses[kind], String(jsonpClient))).toEqual({});
    });

    test.each(Object.entries(READING))("reads nothing with %s", async (_, way) => {
      expect(await page.evaluate(way, addresses[kind])).toBeUndefined();
    });

    test("can read in the same ways if it comes from this machine's own host", async () => {
      const other = await browser.newPage();
      await other.goto(site.originOf("localhost"));
      for (const way of ["a fetch", "an XMLHttpRequest", "an EventSource", "a WebSocket"])
        expect(await other.evaluate(READING[way] as Way, addresses[kind])).toBeTruthy();
      await other.close();
    });

    test("shows pictures in an <img>, but its canvas cannot read them", async () => {
      for (const path of ["/streams/main/snapshot.jpg", "/streams/main/mjpeg"]) {
        const url = `${addresses[kind]}${path}`;
        expect(await page.evaluate(drawPicture, url, false)).toEqual({ shown: true, read: "SecurityError" });
        expect(await page.evaluate(drawPicture, url, true)).toEqual({ shown: false });
      }
    });
  });
});

describe("a request of engine.io", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer("--public-host", "render.example");
  });
  afterAll(() => server?.stop());

  type Headers = Record<string, string>;
  type Answer = { status: number; headers: IncomingHttpHeaders; body: string };

  function ask(method: string, query: string, headers: Headers, body = ""): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const path = `/socket.io/?EIO=4&${query}`;
      const asked = request({ port: server.port, method, path, headers, agent: false }, async (answer) => {
        answer.setEncoding("utf8");
        const body = (await answer.toArray()).join("");
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
      });
      asked.on("upgrade", (answer, socket) => {
        socket.destroy();
        resolve({ status: 101, headers: answer.headers, body: "" });
      });
      asked.on("error", reject).end(body);
    });
  }

  const UPGRADE = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
  };

  /** A session as a program opens it. */
  async function openSession(): Promise<string> {
    const { body } = await ask("GET", "transport=polling", {});
    return JSON.parse(body.slice(1)).sid;
  }

  const evil = { Origin: "http://evil.example" };
  const local = { Origin: "http://localhost:3000" };
  const script = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "script" };
  const image = { "Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "image" };
  const own = { "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty" };

  test.each<[string, "on" | "away", Headers]>([
    ["a program", "on", {}],
    ["the server's own page", "on", own],
    ["a page that may show the streams", "on", local],
    ["who calls the server by its public name", "on", { Host: "render.example" }],
    ["a page of another site", "away", evil],
    ["a page of no origin", "away", { Origin: "null" }],
    ["another site's script", "away", script],
    ["an image of another page", "away", image],
    ["a page whose name means this address", "away", { ...evil, Host: "evil.example" }],
    ["the same, with no word of its origin", "away", { Host: "evil.example" }],
  ])("of %s is sent %s, whatever its method and whether the session is there", async (_, where, headers) => {
    const isOn = where === "on";
    const sid = await openSession();
    expect((await ask("GET", "transport=polling", headers)).status).toBe(isOn ? 200 : 403);
    expect((await ask("POST", `transport=polling&sid=${sid}`, headers, "40")).status).toBe(isOn ? 200 : 403);
    const polled = await ask("GET", `transport=polling&sid=${sid}`, headers);
    expect(polled.status).toBe(isOn ? 200 : 403);
    expect((await ask("OPTIONS", "transport=polling", headers)).status).toBe(isOn ? 204 : 403);
    const upgraded = `transport=websocket&sid=${sid}`;
    expect((await ask("GET", upgraded, { ...UPGRADE, ...headers })).status).toBe(isOn ? 101 : 400);
    expect((await ask("GET", "transport=websocket", { ...UPGRADE, ...headers })).status).toBe(
      isOn ? 101 : 400,
    );
    if (!isOn) {
      // The page may read this much: why not.
      expect(JSON.parse(polled.body)).toEqual({
        code: "origin",
        message: expect.stringMatching(/^This server .*\.$/),
      });
      expect(polled.headers["access-control-allow-origin"]).toBe(headers.Origin);
    }
  });

  test("is refused to everybody if it uses JSONP", async () => {
    const sid = await openSession();
    for (const jsonp of ["j=0", "%6a=0", "j=", "j=1&j=0"]) {
      for (const headers of [{}, own, local]) {
        expect((await ask("GET", `transport=polling&${jsonp}`, headers)).status).toBe(403);
        expect((await ask("POST", `transport=polling&sid=${sid}&${jsonp}`, headers, "d=40")).status).toBe(
          403,
        );
      }
    }
  });
});

test("every response forbids content sniffing and says which origins may embed it", async () => {
  const server = await startServer();
  const elsewhere = { Origin: "http://evil.example" };
  try {
    for (const [path, sharing] of [
      ["/", "same-origin"],
      ["/all", "same-origin"],
      ["/embed/main", "same-origin"],
      ["/lab", "same-origin"],
      ["/nothing", "same-origin"],
      ["/player.js", "cross-origin"],
      ["/healthz", "same-origin"],
      ["/readyz", "same-origin"],
      ["/metrics", "same-origin"],
      ["/streams", "same-origin"],
      ["/streams/main", "same-origin"],
      ["/streams/none", "same-origin"],
      ["/streams/main/rights", "same-origin"],
      ["/streams/main/viewers", "same-origin"],
      ["/streams/main/events", "same-origin"],
      ["/streams/main/telemetry", "same-origin"],
      ["/streams/main/whep", "same-origin"],
      ["/streams/main/whep/none", "same-origin"],
      ["/streams/main/mjpeg", "cross-origin"],
      ["/streams/main/snapshot.jpg", "cross-origin"],
      ["/streams/%", "same-origin"],
      ["/socket.io/?EIO=4&transport=polling", "same-origin"],
      ["/socket.io/?EIO=4&transport=polling&j=0", "same-origin"],
      ["/socket.io/?EIO=4&transport=none", "same-origin"],
      ["/socket.io/?EIO=4&transport=polling&sid=none", "same-origin"],
    ] as const) {
      const answer = await fetch(`${server.url}${path}`);
      await answer.body?.cancel();
      const { headers } = answer;
      const found = [headers.get("x-content-type-options"), headers.get("cross-origin-resource-policy")];
      expect([path, ...found]).toEqual([path, "nosniff", sharing]);
      const refused = await fetch(`${server.url}${path}`, { headers: elsewhere });
      await refused.body?.cancel();
      expect([path, refused.headers.get("x-content-type-options")]).toEqual([path, "nosniff"]);
    }
  } finally {
    await server.stop();
  }
});
