/** Suites that hold in every browser. */
import type { Browser } from "puppeteer-core";
import { launchChromium, launchFirefox } from "../helpers/browser.ts";
import { describeWith } from "./suites.ts";

/** A browser of the kind that a suite runs in. */
export interface BrowserKind {
  readonly name: "Chromium" | "Firefox";
  /**
   * @param options.hosts names that are this machine's; only this browser knows.
   * @param options.downloads the folder for them.
   */
  launch(options?: { readonly hosts?: readonly string[]; readonly downloads?: string }): Promise<Browser>;
}

/** The same suite in Chromium and in Firefox, each as {@link describeWith} has it. */
export function describeInBrowsers(name: string, body: (kind: BrowserKind) => void): void {
  describeWith(["chromium"], `${name} in Chromium`, ({ chromium }) =>
    body({
      name: "Chromium",
      launch: async ({ hosts = [], downloads } = {}) => {
        const rules = hosts.map((host) => `MAP ${host} 127.0.0.1`).join(",");
        const browser = await launchChromium(chromium, `--host-resolver-rules=${rules}`);
        if (downloads === undefined) return browser;
        const session = await browser.target().createCDPSession();
        await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: downloads });
        return browser;
      },
    }),
  );
  describeWith(["firefox"], `${name} in Firefox`, ({ firefox }) =>
    body({
      name: "Firefox",
      launch: ({ hosts, downloads } = {}) => launchFirefox(firefox, hosts, downloads),
    }),
  );
}
