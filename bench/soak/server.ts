/** The soak's server: rendercast on a network that loses 1 % of packets. Its first message is its address. */
import { readConfig } from "../../src/config/config.ts";
import { startRendercast } from "../../src/rendercast.ts";
import { plainIo } from "../../src/transport/io/plain.ts";
import { losing } from "../../test/helpers/losing-io.ts";

/** Share of packets lost. */
const LOSS = 0.01;

const command = readConfig(
  ["--port", "0", "--rtc-port", "0", "--size", "320x180", ...process.argv.slice(2)],
  {},
);
if (!("run" in command)) throw new Error("unreachable");
const { port } = await startRendercast(command.run, () => {}, { io: losing(plainIo, LOSS) });
process.on("disconnect", () => process.exit());
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
process.send?.({ url: `http://localhost:${port}` });
