/** The ways a picture takes to a screen. */
import type { Page } from "puppeteer-core";
import { IMAGE, PLAYER } from "./screen.ts";
import type { ServerReady } from "./server.ts";

export interface Lane {
  readonly name: string;
  /** For people. */
  readonly about: string;
  readonly rival: boolean;
  /** Source text of a function that finds what shows it, in the page. */
  readonly element: string;
  /** Shows the stream in a fresh page. */
  open(page: Page, server: ServerReady): Promise<void>;
}

/** The page comes over the link too. */
const goto = async (page: Page, url: string) => {
  await page.goto(url, { waitUntil: "domcontentloaded", timeout: 60_000 });
};

export const LANES: readonly Lane[] = [
  {
    name: "webrtc",
    about: "WebRTC as shipped",
    rival: false,
    element: PLAYER,
    async open(page, { url }) {
      // The player keeps its connection to itself; what it counts says why a picture stood still.
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
    rival: false,
    element: PLAYER,
    async open(page, { url }) {
      await page.evaluateOnNewDocument("delete window.RTCPeerConnection");
      await goto(page, url);
    },
  },
  {
    name: "polled",
    about: "polled file, MJPEG",
    rival: true,
    element: IMAGE,
    async open(page, { rivalUrl }) {
      await goto(page, rivalUrl);
      // A picture that the loop was just writing breaks the image for good; who watches would load it again.
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

/** The way that the page's player gets its pictures, if it has a player. */
export async function transportOf(page: Page): Promise<string | undefined> {
  const way = await page.evaluate(`document.querySelector("rendercast-player")?.stats.transport`);
  return typeof way === "string" ? way : undefined;
}

/** What the browser counted of the connections, the newest last; none for other lanes. */
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
