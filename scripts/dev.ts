/**
 * `npm run dev [-- server options]`: the server, restarted at each change of its files, and the page from
 * Vite, which takes changes over as they are saved. Both end with Ctrl-C.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, createServer } from "vite";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const serverArgs = process.argv.slice(2);
const { values } = parseArgs({
  args: serverArgs,
  options: { port: { type: "string" } },
  // All others are the server's business.
  strict: false,
});
const port = typeof values.port === "string" ? values.port : (process.env.RENDERCAST_PORT ?? "8080");
const target = `http://localhost:${port}`;

const configFile = path("../web/vite.config.ts");
// The server does not start without a built page.
if (!existsSync(path("../dist/web/index.html"))) await build({ configFile, logLevel: "warn" });

const page = await createServer({
  configFile,
  // The server logs what concerns the streams; Vite shall only say what went wrong.
  logLevel: "warn",
  server: {
    port: 5173,
    proxy: {
      "/socket.io": { target, ws: true },
      "/streams": { target },
    },
  },
});
await page.listen();

const server = spawn(process.execPath, ["--watch", path("../src/main.ts"), ...serverArgs], {
  stdio: "inherit",
});

let ending = false;
async function end(exitCode: number): Promise<void> {
  if (ending) return;
  ending = true;
  server.kill("SIGTERM");
  await page.close();
  process.exit(exitCode);
}

process.on("SIGINT", () => void end(0));
process.on("SIGTERM", () => void end(0));
server.on("exit", (code) => void end(code ?? 1));

console.log(`The page, as you edit it: ${page.resolvedUrls?.local[0] ?? "http://localhost:5173/"}`);
console.log(`The server, restarted as you edit it: ${target}/\n`);
