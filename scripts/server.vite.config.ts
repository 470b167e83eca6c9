import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const src = (path: string) => fileURLToPath(new URL(`../src/${path}`, import.meta.url));

/** The files that are started or imported by name: the others go where the bundler puts them. */
const ENTRIES = [
  "index",
  "start",
  "main",
  "source/pattern/worker",
  "encoder/ffmpeg/trial",
  "encoder/image/decoder-worker",
  "transport/workers/thread",
];

/** Packages with native code, and those that others load only if they are installed. */
const NATIVE = ["sharp", "koffi", "bufferutil", "utf-8-validate", "supports-color"];

/** Builds the server into `dist/server`, with the packages that it imports: only native ones are installed beside it. */
export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  publicDir: false,
  ssr: { noExternal: true, external: NATIVE },
  build: {
    ssr: true,
    outDir: "dist/server",
    emptyOutDir: true,
    target: "node22",
    minify: false,
    license: { fileName: "licenses.json" },
    rolldownOptions: {
      input: Object.fromEntries(ENTRIES.map((path) => [path.split("/").at(-1) ?? path, src(`${path}.ts`)])),
      output: { entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" },
    },
  },
});
