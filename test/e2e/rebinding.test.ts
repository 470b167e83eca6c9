/**
 * DNS rebinding: a site has its own name mean this server's address, so that its page is of the server's origin. The
 * browser here knows the name as this machine's from the start.
 */
import { request } from "node:http";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VIEWER_OFFER } from "../helpers/offer.ts";
import { describeInBrowsers } from "../setup/browsers.ts";
import { type ForeignSite, openForeignSite } from "./helpers/foreign-site.ts";
import { openPlayer, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const NAME = "attacker.example";

/** Resolves in the page with what it could read, if anything. */
type Way = (given: { readonly offer: string; readonly redirector: string }) => Promise<unknown>;

const WAYS: Readonly<Record<string, Way>> = {
  "the list of streams": async () => {
    const answer = await fetch("/streams");
    return answer.ok ? answer.text() : undefined;
  },
  "the page of all streams": async () => {
    const html = await (await fetch("/all")).text();
    return html.includes("/watch/main") ? html : undefined;
  },
  "a description": async () => {
    const answer = await fetch("/streams/main");
    return answer.ok ? answer.text() : undefined;
  },
  "a description, with what proxies add": async () => {
    const lies = {
      "X-Forwarded-Host": "localhost",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-For": "127.0.0.1",
      "X-HTTP-Method-Override": "GET",
      Forwarded: "host=localhost;proto=https",
      // Not taken from a page.
      "Sec-Fetch-Site": "same-origin",
      Host: "localhost",
    };
    const answer = await fetch("/streams/main", { headers: lies });
    return answer.ok ? answer.text() : undefined;
  },
  "a description, with an Upgrade of its own": async () => {
    const answer = await fetch("/streams/main", { headers: { Upgrade: "h2c", Origin: "https://localhost" } });
    return answer.ok ? answer.text() : undefined;
  },
  "the rights to a stream": async () => {
    const rights: string[] = await (await fetch("/streams/main/rights")).json();
    return rights.length > 0 ? rights : undefined;
  },
  metrics: async () => {
    const answer = await fetch("/metrics");
    return answer.ok ? answer.text() : undefined;
  },
  "a link": async () => {
    const answer = await fetch("/streams/main/share", { method: "POST" });
    return answer.ok ? answer.text() : undefined;
  },
  "a snapshot": async () => {
    const answer = await fetch("/streams/main/snapshot.jpg");
    return answer.ok ? answer.status : undefined;
  },
  MJPEG: async () => {
    const answer = await fetch("/streams/main/mjpeg");
    return answer.ok ? answer.status : undefined;
  },
  "the pixels of an <img>": () =>
    new Promise((resolve) => {
      const picture = new Image();
      picture.onload = () => resolve("it shows");
      picture.onerror = () => resolve(undefined);
      picture.src = "/streams/main/snapshot.jpg";
    }),
  events: () =>
    new Promise((resolve) => {
      const events = new EventSource("/streams/main/events");
      events.addEventListener("stream", ({ data }) => resolve(data));
      events.onerror = () => resolve(undefined);
    }),
  "a WebSocket": () =>
    new Promise((resolve) => {
      const socket = new WebSocket("/socket.io/?EIO=4&transport=websocket");
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => resolve(undefined);
    }),
  "socket.io's polling": async () => {
    const answer = await fetch("/socket.io/?EIO=4&transport=polling");
    return answer.ok ? answer.text() : undefined;
  },
  WHEP: async ({ offer }) => {
    const headers = { "Content-Type": "application/sdp" };
    const answer = await fetch("/streams/main/whep", { method: "POST", headers, body: offer });
    return answer.ok ? answer.text() : undefined;
  },
  "a frame": () =>
    new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.src = "/streams/main";
      frame.onload = () => {
        const text = frame.contentDocument?.body?.textContent ?? "";
        resolve(text.includes('"name"') ? text : undefined);
      };
      document.body.append(frame);
    }),
  // Browsers say more of a request to this machine by its own name, which must not go on to another.
  "a frame that this machine's own name redirects": ({ redirector }) =>
    new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.src = `${redirector}/to?${location.origin}/streams/main`;
      frame.onload = () => {
        const text = frame.contentDocument?.body?.textContent ?? "";
        resolve(text.includes('"name"') ? text : undefined);
      };
      document.body.append(frame);
    }),
  "a window that this machine's own name redirects": async ({ redirector }) => {
    const opened = window.open(`${redirector}/to?${location.origin}/streams/main`);
    if (!opened) throw new Error("The browser opens no window.");
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      try {
        // Blank at first, then of another origin, and at last of this one.
        const { location, document } = opened;
        if (location.href === "about:blank" || document.readyState !== "complete") continue;
        const text = document.body.textContent ?? "";
        opened.close();
        return text.includes('"name"') ? text : undefined;
      } catch {}
    }
  },
  "a fetch that this machine's own name redirects": async ({ redirector }) => {
    const answer = await fetch(`${redirector}/to?${location.origin}/streams/main`).catch(() => undefined);
    return answer?.ok ? answer.text() : undefined;
  },
};

describeInBrowsers("a page whose host name resolves to an open server's address", ({ launch }) => {
  let browser: Browser;
  let site: ForeignSite;
  const servers: Record<"alone" | "behind", ServerProcess | undefined> = {
    alone: undefined,
    behind: undefined,
  };
  beforeAll(async () => {
    [browser, site, servers.alone, servers.behind] = await Promise.all([
      launch({ hosts: [NAME] }),
      openForeignSite({
        "/to": (request, response) => {
          const headers = { Location: request.url?.slice(4), "Access-Control-Allow-Origin": "*" };
          response.writeHead(307, headers).end();
        },
      }),
      startServer(),
      startServer("--trust-proxy", "127.0.0.1,::1"),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
    await Promise.all(Object.values(servers).map((server) => server?.stop()));
  });

  describe.each(["alone", "behind"] as const)(
    "that stands %s, trusting a local proxy when it is behind one",
    (which) => {
      let page: Page;
      beforeAll(async () => {
        page = await attackPage(NAME, servers[which]?.port ?? 0);
      });

      test.each(Object.entries(WAYS))("reads nothing with %s", async (_, way) => {
        const given = { offer: VIEWER_OFFER, redirector: site.originOf("localhost") };
        expect(await page.evaluate(way, given)).toBeUndefined();
      });
    },
  );

  test("can read all that under one of the server's own names", async () => {
    const page = await attackPage("localhost", servers.alone?.port ?? 0);
    const given = { offer: VIEWER_OFFER, redirector: site.originOf("localhost") };
    for (const [what, way] of Object.entries(WAYS)) {
      // Those are kept out as of another site already.
      if (/^a (fetch|frame) that/.test(what)) continue;
      expect([what, await page.evaluate(way, given)]).toEqual([what, expect.anything()]);
    }
    await page.close();
  });

  test("learns from the player which option the server needs", async () => {
    const page = await openPlayer(browser, `http://${NAME}:${servers.alone?.port}`);
    const { sentence } = await waitForState(page, "refused");
    expect(sentence).toMatch(`start rendercast with --public-host ${NAME}.`);
    await page.close();
  });

  /** A page at that name, of the origin that the server has by it, and with no policy of its own. */
  async function attackPage(name: string, port: number): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(`http://${name}:${port}/healthz`);
    return page;
  }
});

describe("a server that is called by another name", () => {
  /** The status of the answer, and its body. */
  function ask(server: ServerProcess, path: string, headers: Record<string, string>, method = "GET") {
    return new Promise<[number | undefined, string]>((resolve, reject) => {
      const options = { port: server.port, path, headers, method, agent: false };
      const asked = request(options, (answer) => {
        answer.setEncoding("utf8");
        answer.once("data", (text: string) => {
          resolve([answer.statusCode, text]);
          asked.destroy();
        });
      });
      asked.on("error", reject).end();
    });
  }

  test("says what to do, and accepts the configured names", async () => {
    const server = await startServer("--public-host", "render.example,*.studio.example");
    try {
      const [status, sentence] = await ask(server, "/streams/main", { Host: "attacker.example:8080" });
      expect([status, sentence]).toEqual([
        403,
        expect.stringMatching(/--public-host attacker\.example\.\n$/),
      ]);
      for (const known of [
        "render.example",
        "RENDER.example.:80",
        "a.studio.example",
        "192.0.2.7",
        "[::1]:1",
      ])
        expect((await ask(server, "/streams/main", { Host: known }))[0]).toBe(200);
      // The names of the streams are not revealed either.
      const film = { "Content-Type": "multipart/x-mixed-replace; boundary=frame", Host: "attacker.example" };
      expect((await ask(server, "/streams/film", film, "POST"))[0]).toBe(401);
    } finally {
      await server.stop();
    }
  });

  test("needs no configured names if a token guards its streams or every page may show them", async () => {
    const [guarded, shared] = await Promise.all([
      startServer("--view-token", "correct-horse-battery"),
      startServer("--embed-from", "*"),
    ]);
    try {
      const by = { Host: "attacker.example" };
      const token = { ...by, Authorization: "Bearer correct-horse-battery" };
      expect((await ask(guarded, "/streams/main", by))[0]).toBe(401);
      expect((await ask(guarded, "/streams/main", token))[0]).toBe(200);
      expect((await ask(shared, "/streams/main", by))[0]).toBe(200);
    } finally {
      await Promise.all([guarded.stop(), shared.stop()]);
    }
  });
});
