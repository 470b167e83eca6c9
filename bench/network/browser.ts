/** Chromium in the viewer's namespace. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { launchChromium } from "../../test/browser.ts";
import { VIEWER } from "./namespaces.ts";

export async function launchViewer(chromium: string): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), "rendercast-bench-"));
  const program = join(folder, "chromium");
  writeFileSync(program, `#!/bin/sh\nexec ip netns exec ${VIEWER.namespace} '${chromium}' "$@"\n`, {
    mode: 0o755,
  });
  try {
    // No TCP port of the browser's can be reached from here.
    return await launchChromium(program, "--remote-debugging-pipe");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
