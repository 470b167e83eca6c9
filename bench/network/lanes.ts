/** The transports that the network bench compares. */
import type { Page } from "puppeteer-core";
import { IMAGE, PLAYER } from "./screen.ts";
import type { ServerReady } from "./server.ts";

/** A transport. */
export interface Lane {
  readonly name: string;
  /** For output. */
  readonly about: string;
  /** Whether it is the baseline, which has a server of its own. */
  readonly baseline: boolean;
  /** Source text of a function that returns the showing element, run in the page. */
  readonly element: string;
  /** Opens the stream in a new page. */
  open(page: Page, server: ServerReady): Promise<void>;
}

/** Loads a page, which crosses the link too. */
const goto = async (page: Page, url: string) => {
  await page.goto(url, { waitUntil: "domcontentloaded", timeout: 60_000 });
};

/** All lanes. */
export const LANES: readonly Lane[] = [
  {
    name: "webrtc",
    about: "WebRTC as shipped",
    baseline: false,
    element: PLAYER,
    async open(page, { url }) {
      // The player hides its connection; getStats explains freezes.
      await page.evaluateOnNewDocument(`
        window.connections = [];
        window.RTCPeerConnection = class extends RTCPeerConnection {
          constructor(...options) {
            super(...options);
            connections.push(this);
          }
        };
      `);
      await goto(page, url);
    },
  },
  {
    name: "mjpeg",
    about: "our MJPEG, the player's fallback",
    baseline: false,
    element: PLAYER,
    async open(page, { url }) {
      await page.evaluateOnNewDocument("delete window.RTCPeerConnection");
      await goto(page, url);
    },
  },
  {
    name: "polled",
    about: "polled file, MJPEG",
    baseline: true,
    element: IMAGE,
    async open(page, { baselineUrl }) {
      await goto(page, baselineUrl);
      // A file read while it is written breaks the image permanently. Reload it, as a viewer would.
      await page.evaluate(`(() => {
        const load = () => document.body.replaceChildren(Object.assign(new Image(), { src: "/mjpeg" }));
        setInterval(() => {
          const { complete, naturalWidth } = document.querySelector("img");
          if (complete && naturalWidth === 0) load();
        }, 250);
        load();
      })()`);
    },
  },
];

/** Returns the transport that the page's player uses, or undefined without a player. */
export async function transportOf(page: Page): Promise<string | undefined> {
  const transport = await page.evaluate(`document.querySelector("rendercast-player")?.stats.transport`);
  return typeof transport === "string" ? transport : undefined;
}

/** Returns the browser's counters per WebRTC connection, the newest last; empty for other lanes. */
export async function connectionCounts(page: Page): Promise<Record<string, number>[]> {
  return (await page.evaluate(`(async () => {
    const wanted = ["framesDecoded", "framesDropped", "keyFramesDecoded", "freezeCount", "packetsReceived",
      "packetsLost", "packetsDiscarded", "retransmittedPacketsReceived", "nackCount", "pliCount", "firCount"];
    const all = [];
    for (const connection of window.connections ?? []) {
      for (const stats of (await connection.getStats()).values())
        if (stats.type === "inbound-rtp") all.push(Object.fromEntries(wanted.map((key) => [key, stats[key]])));
    }
    return all;
  })()`)) as Record<string, number>[];
}
