import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Builds the player alone into `dist/web/player.js`: one module, for the pages of others. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  publicDir: false,
  build: {
    outDir: "../../dist/web",
    // What the page's own build has put there stays.
    emptyOutDir: false,
    target: "baseline-widely-available",
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { player: fileURLToPath(new URL("define.ts", import.meta.url)) },
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "[name].js", codeSplitting: false },
    },
  },
});
