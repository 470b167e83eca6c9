import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Builds the player into `dist/web/player.js`: one module, for other sites to embed. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  publicDir: false,
  build: {
    outDir: "../../dist/web",
    // Keep the output of the pages' build.
    emptyOutDir: false,
    target: "baseline-widely-available",
    modulePreload: { polyfill: false },
    license: { fileName: "player-licenses.json" },
    rolldownOptions: {
      input: { player: fileURLToPath(new URL("define.ts", import.meta.url)) },
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "[name].js", codeSplitting: false },
    },
  },
});
