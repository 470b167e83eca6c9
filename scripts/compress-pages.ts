/** Writes a brotli and a gzip form beside each text file of the built pages: `npm run build:web` runs it last. */
import { globSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** In bytes. Smaller files fit in one packet anyway. */
const MIN_SIZE = 1024;

const folder = fileURLToPath(new URL("../dist/web/", import.meta.url));

for (const file of globSync(`${folder}**/*.{css,html,js,svg}`)) {
  if (statSync(file).size < MIN_SIZE) continue;
  const content = readFileSync(file);
  const size = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  writeFileSync(`${file}.br`, brotliCompressSync(content, { params: size }));
  writeFileSync(`${file}.gz`, gzipSync(content, { level: constants.Z_BEST_COMPRESSION }));
}
