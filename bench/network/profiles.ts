/** The networks of the bench. */
import type { Path } from "./link.ts";

/** A network. */
export interface Profile {
  readonly name: string;
  /** For output. */
  readonly about: string;
  /** From the server to the viewer, and back. */
  readonly paths: readonly [Path, Path];
  /** The span of the measurement with the low rate, in milliseconds. */
  readonly drop?: { readonly from: number; readonly to: number };
  /** When a TCP download competes for the way to the viewer, in milliseconds. */
  readonly download?: { readonly from: number; readonly to: number };
}

const MBIT = 1_000_000;

const steady = (rate: number) => [{ from: 0, rate }];
/** Bytes sent in a number of milliseconds at a rate. */
const bytesIn = (milliseconds: number, rate: number) => (milliseconds * rate) / 8000;
const both = (path: Path): [Path, Path] => [path, path];

/**
 * Returns all networks.
 * @param milliseconds duration of the measurement; changes happen at shares of it
 */
export function profiles(milliseconds: number): Profile[] {
  const drop = { from: milliseconds / 4, to: (milliseconds * 3) / 4 };
  return [
    { name: "lan", about: "LAN: 0.2 ms each way", paths: both({ delay: 0.2 }) },
    {
      name: "wifi",
      about: "Wi-Fi: 2 ms and 1 ms of jitter each way, 0.5 % loss in bursts of 4",
      paths: both({ delay: 2, jitter: 1, loss: 0.005, burst: 4 }),
    },
    {
      name: "4g",
      about: "4G: 25 ms and 10 ms of jitter each way, 1 % loss",
      paths: both({ delay: 25, jitter: 10, loss: 0.01 }),
    },
    {
      name: "uplink",
      about: "bad uplink: 1 Mbit/s, a queue of 100 ms, 10 ms each way",
      paths: [{ delay: 10, rates: steady(MBIT), queue: bytesIn(100, MBIT) }, { delay: 10 }],
    },
    {
      name: "mobile",
      about: "bad mobile network: 100 kbit/s, a queue of 300 ms, 40 ms each way",
      paths: [{ delay: 40, rates: steady(MBIT / 10), queue: bytesIn(300, MBIT / 10) }, { delay: 40 }],
    },
    {
      name: "radio",
      about: "bursty radio: 2.5 Mbit/s, arrivals each 40 ms, a queue of 300 ms, 10 ms each way",
      paths: [
        { delay: 10, rates: steady(2.5 * MBIT), queue: bytesIn(300, 2.5 * MBIT), arrivalsEvery: 40 },
        { delay: 10 },
      ],
    },
    {
      name: "route",
      about: "new route: 10 ms each way, then 100 ms",
      paths: both({
        delay: [
          { from: 0, delay: 10 },
          { from: drop.from, delay: 100 },
        ],
      }),
    },
    {
      name: "download",
      about: "beside a TCP download: 10 Mbit/s, a queue of 200 ms, 10 ms each way",
      paths: [{ delay: 10, rates: steady(10 * MBIT), queue: bytesIn(200, 10 * MBIT) }, { delay: 10 }],
      download: drop,
    },
    { name: "loss10", about: "10 % loss: 25 ms each way", paths: both({ delay: 25, loss: 0.1 }) },
    { name: "loss20", about: "20 % loss: 25 ms each way", paths: both({ delay: 25, loss: 0.2 }) },
    { name: "loss", about: "5 % loss: 25 ms each way", paths: both({ delay: 25, loss: 0.05 }) },
    {
      name: "drop",
      about: "5 Mbit/s, then 0.5 Mbit/s, and back; a queue of 62.5 kB, 10 ms each way",
      paths: [
        {
          delay: 10,
          rates: [
            { from: 0, rate: 5 * MBIT },
            { from: drop.from, rate: MBIT / 2 },
            { from: drop.to, rate: 5 * MBIT },
          ],
          queue: bytesIn(100, 5 * MBIT),
        },
        { delay: 10 },
      ],
      drop,
    },
  ];
}
