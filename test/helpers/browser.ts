/** Real browsers, driven from outside: Chromium over CDP, Firefox over WebDriver BiDi. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser } from "puppeteer-core";

/** No GPU, and no background requests, which a closed network would refuse one by one. */
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

/** @param flags further command line flags. */
export function launchChromium(executablePath: string, ...flags: string[]): Promise<Browser> {
  return puppeteer.launch({
    executablePath,
    headless: true,
    defaultViewport: { width: 1280, height: 800 },
    args: [...CHROMIUM_FLAGS, ...flags],
  });
}

/** Chromium in a network namespace of this machine. */
export async function launchChromiumIn(
  namespace: string,
  executablePath: string,
  ...flags: string[]
): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), "rendercast-"));
  const program = join(folder, "chromium");
  writeFileSync(program, `#!/bin/sh\nexec ip netns exec ${namespace} '${executablePath}' "$@"\n`, {
    mode: 0o755,
  });
  try {
    // A pipe, because the browser's TCP ports cannot be reached from this namespace.
    return await launchChromium(program, "--remote-debugging-pipe", ...flags);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * @param hosts names that resolve to this machine.
 * @param downloads the folder for downloads.
 * @param prefs preferences, named as in `about:config`.
 */
export function launchFirefox(
  executablePath: string,
  hosts: readonly string[] = [],
  downloads?: string,
  prefs: Readonly<Record<string, unknown>> = {},
): Promise<Browser> {
  return puppeteer.launch({
    browser: "firefox",
    executablePath,
    headless: true,
    defaultViewport: { width: 1280, height: 800 },
    extraPrefsFirefox: {
      "media.autoplay.default": 0,
      "network.dns.localDomains": hosts.join(","),
      ...(downloads !== undefined && { "browser.download.folderList": 2, "browser.download.dir": downloads }),
      // Do not look for updates, add-ons or codecs on the network.
      "app.update.enabled": false,
      "media.gmp-manager.updateEnabled": false,
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
      ...prefs,
    },
  });
}
