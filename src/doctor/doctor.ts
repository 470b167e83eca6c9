/** `rendercast doctor`: looks at what viewing takes on this machine and its network, and says what to change. */

import { existsSync } from "node:fs";
import { isIPv4 } from "node:net";
import { reasonOf, UsageError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import { resolveAnnounced } from "../network/announce.ts";
import { isTurnUrl } from "../network/ice-servers.ts";
import { machineAddresses } from "../network/machine-addresses.ts";
import { checkBlender } from "./blender.ts";
import { type Finding, within } from "./check.ts";
import { checkEncoders } from "./encoders.ts";
import { portStates, tellPorts } from "./ports.ts";
import { relaysOf, type ServerAnswer, seenFrom } from "./servers.ts";
import { natOf, verdictOf } from "./verdict.ts";

/** Whatever hangs, it is done by then. */
const DONE_WITHIN = 9000;

/** The keys of signed tokens have come by then. */
const KEYS_WITHIN = 4000;

const MARKS = { good: "✓", note: "·", bad: "✗" } as const;

/**
 * Prints what it finds, and what a remote viewer will meet.
 * @returns whether all that was asked for works.
 * @throws {UsageError} where the configuration does not fit this machine.
 */
export async function runDoctor(config: Config, print: (line: string) => void): Promise<boolean> {
  const page = { host: boundTo(config.host), port: config.port };
  const near = config.port === 0 || config.port === 65_535 ? 0 : config.port + 1;
  const video = { host: boundTo(config.rtcHost ?? config.host), port: config.rtcPort ?? near };
  const ports = { page: page.port, video: video.port };
  const encoders = checked(checkEncoders(config));
  const blender = checked(checkBlender(config));
  const relaying = relaysOf(config);
  const states = await portStates(page, video, config.name).catch((error) => {
    throw new UsageError(`The ports cannot be had: ${reasonOf(error)}.`, { cause: error });
  });
  // From the video's own port, where that is free: so it is the one whose mapping is told.
  const seen = await seenFrom(config.iceServers ?? [], states.video === "free" ? ports.video : 0);
  const relays = await relaying;
  const addresses = addressesAt(video.host);
  const announced = config.announce ?? [];
  const settings = await settingsOf(config);

  const programs = [await encoders, await blender] as const;

  const findings: [string, Finding][] = [
    ["Ports", tellPorts(states, ports)],
    ["Addresses", tellAddresses(addresses)],
    ["STUN", tellSeen(seen, addresses)],
    ...relays.map((relay): [string, Finding] => ["TURN", tellRelay(relay)]),
    ...(config.iceServers?.some(isTurnUrl) ? [] : [["TURN", NO_TURN] as [string, Finding]]),
    ...settings,
    ["Encoders", programs[0]],
    ["Blender", programs[1]],
  ];
  const container = existsSync("/.dockerenv") || existsSync("/run/.containerenv");
  const loopback = video.host === "127.0.0.1" || video.host === "::1";
  const network = { ports, states, loopback, addresses, announced, container, seen, relays };
  const verdict = verdictOf({ ...network, programs });
  const works = findings.every(([, { state }]) => state !== "bad");
  print("");
  for (const [name, { state, text }] of findings) print(`  ${MARKS[state]} ${name.padEnd(11)}${text}`);
  print("");
  print("  What a viewer meets");
  print(`    in this network   ${verdict.near}`);
  print(`    from elsewhere    ${verdict.far}`);
  print("");
  print(
    `  ${verdict.change ?? (works ? "Nothing has to be changed." : `What is marked ${MARKS.bad} has to be mended.`)}`,
  );
  print("");
  return works;
}

/** What the options name elsewhere, where that does not answer. */
async function settingsOf({ announce = [], jwks }: Config): Promise<[string, Finding][]> {
  const names = await resolveAnnounced(announce).then(
    () => undefined,
    (error) => reasonOf(error),
  );
  const keys =
    jwks === undefined
      ? undefined
      : await fetch(jwks, { signal: AbortSignal.timeout(KEYS_WITHIN) })
          .then(
            async (answer) => (answer.ok && "keys" in (await answer.json()) ? undefined : "it has no keys"),
            () => "it cannot be reached",
          )
          .catch(() => "it has no keys");
  return [
    ...(names === undefined ? [] : [["Announce", { state: "bad", text: names }] as [string, Finding]]),
    ...(keys === undefined
      ? []
      : [
          ["Tokens", { state: "bad", text: `--jwks ${jwks}: ${keys}, so that no signed token is taken` }] as [
            string,
            Finding,
          ],
        ]),
  ];
}

/** Undefined for every address of this machine. */
function boundTo(host: string): string | undefined {
  if (host === "::") return undefined;
  return host === "localhost" ? "127.0.0.1" : host;
}

function addressesAt(host: string | undefined): string[] {
  if (host === undefined) return machineAddresses();
  return host === "0.0.0.0" ? machineAddresses().filter(isIPv4) : [host];
}

const NO_TURN: Finding = {
  state: "note",
  text: "no server is named (--ice-servers turn:HOST): viewers whose firewall lets out nothing but TLS get MJPEG",
};

function checked(check: Promise<Finding>): Promise<Finding> {
  return within(DONE_WITHIN, check).catch((error) => ({ state: "bad", text: reasonOf(error) }));
}

function tellAddresses(addresses: readonly string[]): Finding {
  if (addresses.length === 0) return { state: "bad", text: "this machine has none" };
  const v6 = addresses.some((address) => address.includes(":"));
  return { state: "good", text: `${addresses.join(", ")}${v6 ? "" : "; no IPv6"}` };
}

function tellSeen(seen: readonly ServerAnswer[], addresses: readonly string[]): Finding {
  const silent = seen.find((answer) => "problem" in answer);
  if (silent) return { state: "bad", text: `${silent.url}: ${silent.problem}` };
  const nat = natOf(seen, addresses);
  const from = "address" in (seen[0] ?? {}) ? seen[0] : undefined;
  if (!nat || !from || !("address" in from))
    return {
      state: "note",
      text: "no server is named (--ice-servers stun:HOST): how others see this machine is not known",
    };
  const where = `${from.url} sees ${nat.outer} port ${from.address.port}`;
  const kinds = {
    none: "no NAT",
    steady: "behind a NAT",
    changing: "behind a NAT that changes ports (symmetric): only a forwarded port or TURN helps",
  };
  return { state: "good", text: `${where}: ${kinds[nat.kind]}` };
}

function tellRelay(relay: ServerAnswer): Finding {
  if ("problem" in relay) return { state: "bad", text: `${relay.url}: ${relay.problem}` };
  return { state: "good", text: `${relay.url} relays at ${relay.address.ip}` };
}
