/**
 * `npm run soak [-- --minutes N] [--viewers N] [--seed N]`: viewers that join and leave at random, one publisher that
 * restarts, and one packet in a hundred lost. Ends with 1 where a viewer that should have been live was not.
 */
import { parseArgs } from "node:util";
import { soak } from "./soak/run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    viewers: { type: "string", default: "6" },
    seed: { type: "string", default: "1" },
  },
});
const [minutes, viewers, seed] = [Number(values.minutes), Number(values.viewers), Number(values.seed)];
const { before, after, refused, ...counts } = await soak({ minutes, viewers, seed, tell: console.log });
console.table(counts);
console.table({ before, after });
for (const sentence of new Set(refused)) console.log(`refused: ${sentence}`);
process.exit(counts.frozen > 0 || refused.length > 0 ? 1 : 0);
