/** What a web page of another origin makes its visitor's browser do to a server on the visitor's own machine. */
import { request } from "node:http";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { VIEWER_OFFER } from "../helpers/offer.ts";
import { gradientJpeg } from "../helpers/pictures.ts";
import { describeInBrowsers } from "../setup/browsers.ts";
import { type ForeignSite, openForeignSite } from "./helpers/foreign-site.ts";
import { type Recorder, recorder } from "./helpers/recorder.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/** What a way is given; its id is in each address that it asks for. */
interface Given {
  readonly id: string;
  readonly server: string;
  /** A body that publishes a picture, with the boundary `p`. */
  readonly body: string;
  readonly offer: string;
}

/** Runs in the page, and resolves with what it could read, if anything, once all is sent. */
type Way = (given: Given) => Promise<unknown>;

const FORMS: Readonly<Record<string, Way>> = {
  "a form": ({ id, server }) => window.sendForm({ action: `${server}/streams/${id}` }),
  "a form of plain text": ({ id, server, body }) =>
    window.sendForm({ action: `${server}/streams/${id}`, enctype: "text/plain" }, body),
  "a form with a file": ({ id, server, body }) =>
    window.sendForm({ action: `${server}/streams/${id}`, enctype: "multipart/form-data" }, body),
  "a form with a file, to the stream that is shown": ({ id, server, body }) =>
    window.sendForm({ action: `${server}/streams/main?${id}`, enctype: "multipart/form-data" }, body),
  "a form for a link": ({ id, server }) => window.sendForm({ action: `${server}/streams/main/share?${id}` }),
  "a form by GET": ({ id, server }) =>
    window.sendForm({ action: `${server}/streams/${id}`, method: "GET" }, "_method=POST"),
  "a form of a page that names no referrer": ({ id, server }) =>
    window.sendPage(`<meta name="referrer" content="no-referrer">${window.form(`${server}/streams/${id}`)}`),
  "a form in a sandbox": ({ id, server }) =>
    window.sendPage(window.form(`${server}/streams/${id}`), "srcdoc", true),
  "a form of a data: page": ({ id, server }) =>
    window.sendPage(window.form(`${server}/streams/${id}`), "data"),
  "a form of a blob: page": ({ id, server }) =>
    window.sendPage(window.form(`${server}/streams/${id}`), "blob"),
};

const REQUESTS: Readonly<Record<string, Way>> = {
  "a fetch without CORS": ({ id, server, body }) =>
    window.read(`${server}/streams/${id}`, { method: "POST", mode: "no-cors", body }),
  "a fetch of a form": ({ id, server }) =>
    window.read(`${server}/streams/${id}`, {
      method: "POST",
      mode: "no-cors",
      body: new URLSearchParams("a=1"),
    }),
  "a fetch of a file": ({ id, server, body }) => {
    const form = new FormData();
    form.append("picture", new Blob([body], { type: "image/jpeg" }), "picture.jpg");
    return window.read(`${server}/streams/${id}`, { method: "POST", mode: "no-cors", body: form });
  },
  "a fetch of no type": ({ id, server, body }) =>
    window.read(`${server}/streams/${id}`, { method: "POST", mode: "no-cors", body: new Blob([body]) }),
  "a fetch that outlives its page": ({ id, server, body }) =>
    window.read(`${server}/streams/${id}`, { method: "POST", mode: "no-cors", keepalive: true, body }),
  "a fetch that names no referrer": ({ id, server, body }) =>
    window.read(`${server}/streams/${id}`, {
      method: "POST",
      mode: "no-cors",
      referrerPolicy: "no-referrer",
      body,
    }),
  "a fetch of data": ({ id, server }) => {
    const to = `${server}/streams/main/telemetry?${id}`;
    return window.read(to, { method: "POST", mode: "no-cors", body: '{"angle":1}' });
  },
  "a fetch with CORS": ({ id, server, body }) =>
    window.read(`${server}/streams/${id}`, { method: "POST", body }),
  "a fetch of what publishers send": ({ id, server, body }) => {
    const headers = { "Content-Type": "multipart/x-mixed-replace; boundary=p" };
    return window.read(`${server}/streams/${id}`, { method: "POST", headers, body });
  },
  "a fetch with a token": ({ id, server, body }) => {
    const headers = { Authorization: "Bearer of-something-else" };
    return window.read(`${server}/streams/${id}`, { method: "POST", headers, body });
  },
  "a fetch with another method in its headers": ({ id, server }) =>
    window.read(`${server}/streams/${id}`, { headers: { "X-HTTP-Method-Override": "POST" } }),
  "a fetch with what proxies add": ({ id, server, body }) => {
    const headers = { "X-Forwarded-For": "127.0.0.1", "rendercast-passed-on": "1" };
    return window.read(`${server}/streams/${id}`, { method: "POST", headers, body });
  },
  PUT: ({ id, server, body }) => window.read(`${server}/streams/${id}`, { method: "PUT", body }),
  DELETE: ({ id, server }) => window.read(`${server}/streams/${id}`, { method: "DELETE" }),
  PATCH: ({ id, server }) =>
    window.read(`${server}/streams/main/whep/${id}`, { method: "PATCH", body: "a=b" }),
  "the end of a WHEP session": ({ id, server }) =>
    window.read(`${server}/streams/main/whep/${id}`, { method: "DELETE" }),
  "a fetch for a link": ({ id, server }) =>
    window.read(`${server}/streams/main/share?${id}`, { method: "POST" }),
  "a fetch for a link without CORS": ({ id, server }) =>
    window.read(`${server}/streams/main/share?${id}`, { method: "POST", mode: "no-cors" }),
  "a fetch of the metrics": ({ id, server }) => window.read(`${server}/metrics?${id}`),
  "a fetch of the metrics without CORS": ({ id, server }) =>
    window.read(`${server}/metrics?${id}`, { mode: "no-cors" }),
  "a fetch of who watches": ({ id, server }) => window.read(`${server}/streams/main/viewers?${id}`),
  "an XMLHttpRequest": ({ id, server, body }) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("POST", `${server}/streams/${id}`);
      request.onloadend = () => resolve(request.responseText || undefined);
      request.send(body);
    }),
  "an XMLHttpRequest that follows its upload": ({ id, server, body }) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.upload.onprogress = () => {};
      request.open("POST", `${server}/streams/${id}`);
      request.onloadend = () => resolve(request.responseText || undefined);
      request.send(body);
    }),
  "a beacon": async ({ id, server, body }) => void navigator.sendBeacon(`${server}/streams/${id}`, body),
  "a beacon of a file": async ({ id, server, body }) => {
    const form = new FormData();
    form.append("picture", new Blob([body], { type: "image/jpeg" }), "picture.jpg");
    navigator.sendBeacon(`${server}/streams/${id}`, form);
  },
  "a beacon of what publishers send": async ({ id, server, body }) => {
    const type = "multipart/x-mixed-replace; boundary=p";
    navigator.sendBeacon(`${server}/streams/${id}`, new Blob([body], { type }));
  },
  "a fetch in a worker": ({ id, server }) =>
    new Promise((resolve) => {
      const script = `fetch("${server}/streams/${id}", { method: "POST", mode: "no-cors", body: "x" })
        .then((answer) => answer.text()).then((text) => postMessage(text || undefined), () => postMessage(undefined))`;
      new Worker(URL.createObjectURL(new Blob([script]))).onmessage = ({ data }) => resolve(data);
    }),
};

const LOADS: Readonly<Record<string, Way>> = {
  "an image": ({ id, server }) => window.load("img", { src: `${server}/streams/main/share?${id}` }),
  "an image of the metrics": ({ id, server }) => window.load("img", { src: `${server}/metrics?${id}` }),
  "a script": ({ id, server }) => window.load("script", { src: `${server}/metrics?${id}` }),
  "a style sheet": ({ id, server }) =>
    window.load("link", { rel: "stylesheet", href: `${server}/streams/main/viewers?${id}` }),
  "a frame of the metrics": ({ id, server }) => window.load("iframe", { src: `${server}/metrics?${id}` }),
  "a frame of who watches": ({ id, server }) =>
    window.load("iframe", { src: `${server}/streams/main/viewers?${id}` }),
  "a video": ({ id, server }) => window.load("video", { src: `${server}/streams/${id}` }),
  "an EventSource": ({ id, server }) =>
    new Promise((resolve) => {
      const events = new EventSource(`${server}/streams/main/viewers?${id}`);
      events.onmessage = ({ data }) => resolve(data);
      events.onerror = () => resolve(undefined);
    }),
  "a WebSocket": ({ id, server }) =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${server.replace("http", "ws")}/streams/${id}`);
      socket.onmessage = ({ data }) => resolve(data);
      socket.onopen = () => resolve("it opened");
      socket.onerror = () => resolve(undefined);
    }),
};

/** What its own site helps with. */
const HELPED: Readonly<Record<string, Way>> = {
  "a form that its own site redirects": ({ id, server, body }) =>
    window.sendForm({ action: `/to?${server}/streams/${id}`, enctype: "multipart/form-data" }, body),
  "a fetch that its own site redirects": ({ id, server, body }) =>
    window.read(`/to?${server}/streams/${id}`, { method: "POST", body }),
  "a fetch without CORS that its own site redirects": ({ id, server, body }) =>
    window.read(`/to?${server}/streams/${id}`, { method: "POST", mode: "no-cors", body }),
  "a report of what its policy forbids": ({ id, server }) =>
    window.load("iframe", { src: `/reports?${server}/streams/${id}` }),
};

/** What pages of this machine may do: watch, and know that they may. */
const WATCHING: Readonly<Record<string, Way>> = {
  "an offer by WHEP": ({ id, server, offer }) => {
    const headers = { "Content-Type": "application/sdp" };
    return window.read(`${server}/streams/main/whep?${id}`, { method: "POST", headers, body: offer });
  },
  "an offer by WHEP as plain text": ({ id, server, offer }) =>
    window.read(`${server}/streams/main/whep?${id}`, { method: "POST", mode: "no-cors", body: offer }),
  "a fetch of what it may do": ({ id, server }) => window.read(`${server}/streams/main/rights?${id}`),
  "a packet for a session of socket.io": ({ id, server }) =>
    window.read(`${server}/socket.io/?EIO=4&transport=polling&sid=${id}`, { method: "POST", body: "40" }),
  "a WebSocket of socket.io": ({ id, server }) =>
    new Promise((resolve) => {
      const query = `EIO=4&transport=websocket&${id}`;
      const socket = new WebSocket(`${server.replace("http", "ws")}/socket.io/?${query}`);
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => resolve(undefined);
    }),
};

/** What only a page that browsers hold for secure can do. */
const SECURE: Readonly<Record<string, Way>> = {
  "a fetch in a service worker": async ({ id, server }) => {
    const registration = await navigator.serviceWorker.register(`/worker.js?${server}/streams/${id}`);
    const { active } = await navigator.serviceWorker.ready;
    const read = await new Promise((resolve) => {
      navigator.serviceWorker.onmessage = ({ data }) => resolve(data);
      active?.postMessage("now");
    });
    await registration.unregister();
    return read;
  },
};
const SERVICE_WORKER = `onmessage = ({ source }) => fetch(location.search.slice(1), { method: "POST", mode: "no-cors" })
  .then((answer) => answer.text()).then((text) => source.postMessage(text || undefined), () => source.postMessage(undefined))`;

/** What the ways have in common; it runs in the page before them. */
function helpers(form: string) {
  const framed = (name: string) => {
    const frame = document.createElement("iframe");
    frame.name = name;
    return frame;
  };
  /** What can be read of a frame once it has loaded. */
  const loaded = (frame: HTMLIFrameElement) =>
    new Promise<unknown>((resolve) => {
      frame.onload = () => resolve(frame.contentDocument?.body?.textContent || undefined);
      document.body.append(frame);
    });
  Object.assign(window, {
    form: (action: string) => form.replace("ACTION", action),
    async sendForm({ action, enctype = "", method = "POST" }: Record<string, string>, text = "x") {
      const target = `frame${Math.random()}`;
      const frame = framed(target);
      document.body.append(frame);
      const form = document.createElement("form");
      Object.assign(form, { action, enctype, method, target });
      const field = document.createElement("input");
      field.name = "field";
      if (enctype === "multipart/form-data") {
        field.type = "file";
        const files = new DataTransfer();
        files.items.add(new File([text], "picture.jpg", { type: "image/jpeg" }));
        field.files = files.files;
      } else field.value = text;
      form.append(field);
      document.body.append(form);
      form.submit();
    },
    async sendPage(html: string, by: "srcdoc" | "data" | "blob" = "srcdoc", sandbox = false) {
      const frame = framed("");
      if (sandbox) frame.sandbox.add("allow-scripts", "allow-forms");
      if (by === "srcdoc") frame.srcdoc = html;
      else if (by === "data") frame.src = `data:text/html,${encodeURIComponent(html)}`;
      else frame.src = URL.createObjectURL(new Blob([html], { type: "text/html" }));
      document.body.append(frame);
    },
    async read(url: string, options?: RequestInit) {
      const answer = await fetch(url, options).catch(() => undefined);
      return answer?.type === "opaque" || answer?.ok ? (await answer.text()) || undefined : undefined;
    },
    load(kind: string, attributes: Record<string, string>) {
      const element = Object.assign(document.createElement(kind), attributes);
      if (element instanceof HTMLIFrameElement) return loaded(element);
      return new Promise<unknown>((resolve) => {
        element.onload = () => resolve("it loaded");
        element.onerror = () => resolve(undefined);
        document.body.append(element);
      });
    },
  });
}

declare global {
  interface Window {
    form(action: string): string;
    sendForm(form: Readonly<Record<string, string>>, text?: string): Promise<void>;
    sendPage(html: string, by?: "srcdoc" | "data" | "blob", sandbox?: boolean): Promise<void>;
    read(url: string, options?: RequestInit): Promise<unknown>;
    load(kind: string, attributes: Readonly<Record<string, string>>): Promise<unknown>;
  }
}

describeInBrowsers("a page of another origin", ({ launch }) => {
  let browser: Browser;
  let site: ForeignSite;
  let server: ServerProcess;
  let record: Recorder;
  let body: string;
  let ways = 0;
  beforeAll(async () => {
    [browser, server, site] = await Promise.all([
      launch({ hosts: ["evil.example"] }),
      startServer(),
      openForeignSite({
        "/to": (asked, response) => response.writeHead(307, { Location: asked.url?.slice(4) }).end(),
        "/reports": (asked, response) => {
          const policy = `img-src 'none'; report-uri ${asked.url?.split("?")[1]}`;
          response.writeHead(200, { "Content-Type": "text/html", "Content-Security-Policy": policy });
          response.end('<img src="/picture.png">');
        },
        "/worker.js": (_asked, response) =>
          response.writeHead(200, { "Content-Type": "text/javascript" }).end(SERVICE_WORKER),
      }),
    ]);
    record = await recorder(server.port);
    body = `--p\r\n\r\n${(await gradientJpeg(40, 30)).toString("latin1")}\r\n--p--\r\n`;
  });
  afterAll(async () => {
    await browser?.close();
    record?.close();
    site?.close();
    await server?.stop();
  });

  const streams = async () => {
    const all: { name: string; source: string }[] = await (await fetch(`${server.url}/streams`)).json();
    return all.map(({ name, source }) => [name, source]);
  };

  /** The way is tried: its requests arrive, and nothing comes of them. */
  async function comesToNothing(page: Page, way: Way): Promise<void> {
    const id = `way${++ways}`;
    const given = { id, server: `http://localhost:${record.port}`, body, offer: VIEWER_OFFER };
    expect(await page.evaluate(way, given)).toBeUndefined();
    const asked = () => record.asked.filter(({ path }) => path.includes(id));
    await vi.waitFor(
      () => {
        expect(asked()).not.toEqual([]);
        expect(asked().filter(({ answer }) => answer === undefined)).toEqual([]);
      },
      { timeout: 10_000 },
    );
    const done = asked().filter(({ method, answer }) => method !== "OPTIONS" && Number(answer) < 400);
    expect(done).toEqual([]);
    expect(await streams()).toEqual([["main", "built-in scene"]]);
  }

  const form =
    '<form method="POST" action="ACTION"><input name="a"></form><script>document.forms[0].submit()</script>';

  const all = { ...FORMS, ...REQUESTS, ...LOADS };
  describe.each([
    ["another site", () => site.originOf("evil.example"), { ...all, ...HELPED, ...WATCHING }],
    ["another port of this machine", () => site.originOf("localhost"), { ...all, ...HELPED, ...SECURE }],
    ["the server's own pages by another name", () => `http://127.0.0.1:${record.port}/healthz`, all],
  ])("that is of %s", (_, address, tried) => {
    let page: Page;
    beforeAll(async () => {
      page = await browser.newPage();
      await page.goto(address());
      await page.evaluate(helpers, form);
    });
    afterAll(() => page?.close());

    test.each(Object.entries(tried))("changes nothing with %s", async (_, way) => {
      await comesToNothing(page, way);
    });
  });

  test("could publish if a program sent the same bodies", async () => {
    const publish = (type: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { "Content-Type": type };
        const asked = request(`${server.url}/streams/film`, { method: "POST", headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        asked.on("error", reject).end(Buffer.from(body, "latin1"));
      });
    expect(await publish("multipart/x-mixed-replace; boundary=p")).toBe(204);
    expect((await streams()).map(([name]) => name)).toContain("film");
  });
});
