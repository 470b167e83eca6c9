import { beforeEach, expect, test } from "vitest";
import { Guesses } from "../../../src/access/token-guesses.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const DAY = 24 * 3_600_000;
const KEYS = 1_200_000;
const TRIES = 120_000;

/** Hundreds of thousands of steps take longer than a test usually may. */
const LONG = { timeout: 60_000 };

/** What one address alone may try in a day. */
const ONE_ADDRESS = 20 + 86_400 / 3;

let clock: FakeClock;
let guesses: Guesses;
beforeEach(() => {
  clock = new FakeClock();
  guesses = new Guesses(clock);
});

/** How many wrong tokens of so many are compared in a day, each from another of the attacker's addresses. */
function comparedInADay(addressOf: (n: number) => string): number {
  let compared = 0;
  for (let n = 0; n < TRIES; n++) {
    if (guesses.take(addressOf(n * (KEYS / TRIES)))) compared++;
    if (n % 20 === 0) clock.pass((20 * DAY) / TRIES);
  }
  return compared;
}

const hex = (n: number) => n.toString(16);
/** One in each IPv6 network of 64 bits, all in twenty of 48. */
const rotating = (n: number) => `2001:db8:${hex(n >> 16)}:${hex(n & 0xffff)}::1`;
/** One in each IPv6 network of 48 bits. */
const scattered = (n: number) => `2001:${hex(n >> 16)}:${hex(n & 0xffff)}::1`;
/** IPv4 addresses all over the internet. */
const botnet = (n: number) => `${1 + (n % 200)}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

test("from 1.2 million IPv6 networks of one owner are hardly more than from one address", LONG, () => {
  expect(comparedInADay(rotating)).toBeLessThan(1.02 * ONE_ADDRESS);
});

test.each([
  ["IPv6 networks of 48 bits", scattered],
  ["IPv4 addresses", botnet],
])("from 1.2 million %s stay bounded, and no network is forgotten", LONG, (_, addressOf) => {
  const most = 2.1 * ONE_ADDRESS;
  expect(comparedInADay(addressOf)).toBeLessThan(most);
  // The second day has no more than the first.
  expect(comparedInADay(addressOf)).toBeLessThan(most);
});

test("parallel guesses are limited like sequential ones", () => {
  const taken = Array.from({ length: 1000 }, (_, n) => guesses.take(rotating(n)));
  expect(taken.filter((one) => one !== undefined)).toHaveLength(300 + 3);
});

test("of others keep no right token out: not at a new address, nor where it was given before", () => {
  guesses.take("198.51.100.7")?.right();
  for (let n = 0; n < 100_000; n++) guesses.take(rotating(n));
  for (let n = 0; n < 100; n++) {
    for (const address of ["198.51.100.7", "203.0.113.9", "2001:db9::7"]) {
      const guess = guesses.take(address);
      expect(guess).toBeDefined();
      guess?.right();
    }
  }
  // In a network of the attacker's that has spent its own, only who is known.
  for (let n = 0; n < 5; n++) guesses.take(`198.51.100.${n}`);
  expect(guesses.take("198.51.100.99")).toBeUndefined();
  expect(guesses.take("198.51.100.7")).toBeDefined();
});

test("attempts that were no guesses are taken back from every limit", () => {
  for (let n = 0; n < 1000; n++) guesses.take("192.0.2.1")?.releaseMemory();
  for (let n = 0; n < 20; n++) expect(guesses.take("192.0.2.1")).toBeDefined();
  expect(guesses.take("192.0.2.1")).toBeUndefined();
});
