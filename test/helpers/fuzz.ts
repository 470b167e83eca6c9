/** Input changed at random, the same in every run. */

export type Random = (below: number) => number;

/** The same numbers in every run (Park and Miller's generator). */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** The bytes with a few changes: bytes altered, removed, repeated or inserted, or scraps of the protocol inserted. */
export function mutated(bytes: Buffer, random: Random, scraps: readonly Buffer[]): Buffer {
  let result = Buffer.from(bytes);
  for (let hits = random(6); hits >= 0; hits--) {
    const at = random(result.length);
    const [before, behind] = [result.subarray(0, at), result.subarray(at)];
    switch (random(5)) {
      case 0:
        result[at] = random(256);
        break;
      case 1:
        result = Buffer.concat([before, behind.subarray(random(40))]);
        break;
      case 2:
        result = Buffer.concat([before, behind.subarray(0, random(200)), behind]);
        break;
      case 3:
        result = Buffer.concat([before, scraps[random(scraps.length)] ?? behind, behind]);
        break;
      default:
        result = Buffer.concat([before, Buffer.alloc(random(3000), random(256)), behind]);
    }
    if (result.length === 0) result = Buffer.from("x");
  }
  return result.subarray(0, 1 + random(result.length));
}

/** Like {@link mutated}, but for a text, and rarely cut off. */
export function mutatedText(text: string, random: Random, scraps: readonly string[]): string {
  const bytes = Buffer.from(text, "latin1");
  const changed = mutated(
    bytes,
    random,
    scraps.map((scrap) => Buffer.from(scrap, "latin1")),
  );
  const isCut = random(4) === 0;
  return (isCut ? changed : Buffer.concat([changed, bytes.subarray(changed.length)])).toString("latin1");
}

const LEAVES = [
  undefined,
  null,
  true,
  0,
  -1,
  1e308,
  Number.NaN,
  "",
  "main",
  "\0",
  "x".repeat(5000),
  "__proto__",
];

/** Any kind of value that JSON can carry, and some that it cannot. */
export function randomValue(random: Random, depth = 3): unknown {
  const kind = depth === 0 ? 0 : random(4);
  const several = () => Array.from({ length: random(4) }, () => randomValue(random, depth - 1));
  if (kind === 1) return several();
  if (kind === 2) {
    const names = ["stream", "offer", "token", "__proto__", "constructor", "toString", "length"];
    return Object.fromEntries(several().map((value) => [names[random(names.length)] ?? "x", value]));
  }
  return LEAVES[random(LEAVES.length)];
}
