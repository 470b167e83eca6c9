/**
 * `npm run soak`: viewers join and leave at random, the publisher restarts, and 1 % of packets are lost. Exits with 1 if
 * a viewer was frozen or refused.
 */
import { whole } from "../src/config/checks.ts";
import { readOptions } from "./options.ts";
import { soak } from "./soak/run.ts";

const { minutes, viewers, seed } = readOptions({
  command: "npm run soak",
  about: "memory and failures while viewers join and leave, a publisher restarts and packets are lost",
  options: {
    minutes: { value: "N", help: "duration", default: "30", check: whole(1, 100_000) },
    viewers: { value: "N", help: "viewers at once", default: "6", check: whole(1, 90) },
    seed: { value: "N", help: "random seed", default: "1", check: whole(0, 2 ** 31) },
  },
});
const { before, after, refused, ...counts } = await soak({ minutes, viewers, seed, tell: console.log });
console.table(counts);
console.table({ before, after });
for (const sentence of new Set(refused)) console.log(`refused: ${sentence}`);
process.exit(counts.frozen > 0 || refused.length > 0 ? 1 : 0);
