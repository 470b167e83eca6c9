import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Builds the page into `dist/web`, from where the server serves it. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/",
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "baseline-widely-available",
    // Nothing as a data: URL, and no inline script: the page shall run under a strict content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
