import { beforeEach, expect, test } from "vitest";
import { Guesses } from "../../../src/access/token-guesses.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const DAY = 24 * 3_600_000;
const KEYS = 1_200_000;
const TRIES = 120_000;

/** Hundreds of thousands of steps take longer than the usual timeout. */
const LONG = { timeout: 60_000 };

/** How many guesses one address has in a day. */
const ONE_ADDRESS = 20 + 86_400 / 3;

let clock: FakeClock;
let guesses: Guesses;
beforeEach(() => {
  clock = new FakeClock();
  guesses = new Guesses(clock);
});

/** How many of the attacker's guesses are compared in a day, each from another address. */
function comparedInADay(addressOf: (n: number) => string): number {
  let compared = 0;
  for (let n = 0; n < TRIES; n++) {
    if (guesses.take(addressOf(n * (KEYS / TRIES)))) compared++;
    if (n % 20 === 0) clock.pass((20 * DAY) / TRIES);
  }
  return compared;
}

const hex = (n: number) => n.toString(16);
/** One address in each IPv6 network of 64 bits, all within twenty networks of 48 bits. */
const rotating = (n: number) => `2001:db8:${hex(n >> 16)}:${hex(n & 0xffff)}::1`;
/** One address in each IPv6 network of 48 bits. */
const scattered = (n: number) => `2001:${hex(n >> 16)}:${hex(n & 0xffff)}::1`;
/** IPv4 addresses all over the internet. */
const botnet = (n: number) => `${1 + (n % 200)}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

test(
  "guesses from 1.2 million IPv6 networks of one owner are hardly more than from one address",
  LONG,
  () => {
    expect(comparedInADay(rotating)).toBeLessThan(1.02 * ONE_ADDRESS);
  },
);

test.each([
  ["IPv6 networks of 48 bits", scattered],
  ["IPv4 addresses", botnet],
])("guesses from 1.2 million %s stay bounded, on the second day too", LONG, (_, addressOf) => {
  const most = 2.1 * ONE_ADDRESS;
  expect(comparedInADay(addressOf)).toBeLessThan(most);
  // No network is forgotten: the second day allows no more than the first.
  expect(comparedInADay(addressOf)).toBeLessThan(most);
});

test("parallel guesses are limited like sequential ones", () => {
  const taken = Array.from({ length: 1000 }, (_, n) => guesses.take(rotating(n)));
  expect(taken.filter((one) => one !== undefined)).toHaveLength(300 + 3);
});

test("guesses of others lock out no right token, at a new address or at a known one", () => {
  guesses.take("198.51.100.7")?.right();
  for (let n = 0; n < 100_000; n++) guesses.take(rotating(n));
  for (let n = 0; n < 100; n++) {
    for (const address of ["198.51.100.7", "203.0.113.9", "2001:db9::7"]) {
      const guess = guesses.take(address);
      expect(guess).toBeDefined();
      guess?.right();
    }
  }
  // In a network that has used up its guesses, only known addresses get in.
  for (let n = 0; n < 5; n++) guesses.take(`198.51.100.${n}`);
  expect(guesses.take("198.51.100.99")).toBeUndefined();
  expect(guesses.take("198.51.100.7")).toBeDefined();
});

test("requests that turn out to be no guesses count towards no limit", () => {
  for (let n = 0; n < 1000; n++) guesses.take("192.0.2.1")?.releaseMemory();
  for (let n = 0; n < 20; n++) expect(guesses.take("192.0.2.1")).toBeDefined();
  expect(guesses.take("192.0.2.1")).toBeUndefined();
});
