/**
 * `npm run soak`: viewers that join and leave at random, one publisher that
 * restarts, and one packet in a hundred lost. Ends with 1 where a viewer that should have been live was not.
 */
import { whole } from "../src/config.ts";
import { readOptions } from "./options.ts";
import { soak } from "./soak/run.ts";

const { minutes, viewers, seed } = readOptions({
  command: "npm run soak",
  about: "viewers join and leave, a publisher comes and goes, and packets are lost: what is left of it",
  options: {
    minutes: { value: "N", help: "how long", default: "30", check: whole(1, 100_000) },
    viewers: { value: "N", help: "viewers at once", default: "6", check: whole(1, 90) },
    seed: { value: "N", help: "of what is random", default: "1", check: whole(0, 2 ** 31) },
  },
});
const { before, after, refused, ...counts } = await soak({ minutes, viewers, seed, tell: console.log });
console.table(counts);
console.table({ before, after });
for (const sentence of new Set(refused)) console.log(`refused: ${sentence}`);
process.exit(counts.frozen > 0 || refused.length > 0 ? 1 : 0);
