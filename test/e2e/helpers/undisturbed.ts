/** Whether a viewer's picture is right, and goes on: by the page's pixels and its peer connections. */
import type { Page } from "puppeteer-core";
import { expect, vi } from "vitest";
import type { Rgb } from "../../helpers/pictures.ts";
import { readScreen, stateOf, troublesOf } from "./player.ts";

/** To run in the page before its own scripts: keeps its peer connections where a test can ask them. */
export function keepPeerConnections(): void {
  const kept: RTCPeerConnection[] = [];
  const Real = RTCPeerConnection;
  Object.assign(window, {
    kept,
    RTCPeerConnection: class extends Real {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        kept.push(this);
      }
    },
  });
}

/** To run in the page before its own scripts: it is to use UDP alone, so that it has one way. */
export function hideTcp() {
  const Real = RTCPeerConnection;
  Object.assign(window, {
    RTCPeerConnection: class extends Real {
      override async setRemoteDescription({ type, sdp = "" }: RTCSessionDescriptionInit): Promise<void> {
        await super.setRemoteDescription({ type, sdp: sdp.replace(/^a=candidate:tcp.*\r\n/gm, "") });
      }
    },
  });
}

/** How many peer connections the page has made. */
export function connectionsOf(page: Page): Promise<number> {
  return page.evaluate(() => (window as unknown as { kept: unknown[] }).kept.length);
}

/** By the first of its peer connections. */
export function framesDecoded(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const [connection] = (window as unknown as { kept: RTCPeerConnection[] }).kept;
    for (const report of (await connection?.getStats())?.values() ?? []) {
      if (report.type === "inbound-rtp") return report.framesDecoded as number;
    }
    return 0;
  });
}

/** Waits until the page has shown new frames, by the peer connection that it had from the start. */
export async function noticesNothing(page: Page): Promise<void> {
  const before = await framesDecoded(page);
  await vi.waitFor(async () => expect(await framesDecoded(page)).toBeGreaterThan(before + 20), {
    timeout: 20_000,
  });
  expect(await connectionsOf(page)).toBe(1);
  expect((await stateOf(page)).kind).toBe("live");
  expect(troublesOf(page)).toEqual([]);
}

/** Waits until the middle of the screen has this colour, within what VP8 makes of it. */
export async function showsColour(page: Page, colour: Rgb): Promise<void> {
  await expect
    .poll(
      async () => {
        const { width, height, pixels } = await readScreen(page);
        const at = 4 * (Math.floor(height / 2) * width + Math.floor(width / 2));
        return colour.map((level, channel) => Math.abs((pixels[at + channel] ?? 0) - level) < 10);
      },
      { timeout: 20_000 },
    )
    .toEqual([true, true, true]);
}
