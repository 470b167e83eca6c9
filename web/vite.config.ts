import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const entry = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Builds the pages into `dist/web`; the server serves them from there. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/",
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "baseline-widely-available",
    // No data: URLs and no inline scripts: the pages run under a strict content security policy.
    assetsInlineLimit: 0,
    license: { fileName: "pages-licenses.json" },
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: ["index.html", "home.html", "embed.html", "missing.html", "lab/lab.html"].map(entry),
    },
  },
});
