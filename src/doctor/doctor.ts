/**
 * `rendercast doctor` checks ports, network, encoders and Blender before a start, or beside a running server. It prints
 * the findings, what viewers will get, and the one setting to change first.
 */

import { isIPv4 } from "node:net";
import type { Millis } from "../base/clock.ts";
import { reasonOf, UsageError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import { resolveAnnounced } from "../network/announce.ts";
import { isTurnUrl } from "../network/ice-servers.ts";
import { machineAddresses } from "../network/machine-addresses.ts";
import { checkBlender } from "./blender.ts";
import { type Finding, within } from "./check.ts";
import { isContainer } from "./container.ts";
import { checkDependencies, checkProxies, type NamedFinding } from "./dependencies.ts";
import { checkEncoders } from "./encoders.ts";
import { describePorts, portStates } from "./ports.ts";
import type { Place } from "./running.ts";
import { checkSendBuffer } from "./send-buffer.ts";
import { checkSending } from "./sending.ts";
import { publicAddresses, relayedAddresses, type ServerAnswer } from "./servers.ts";
import { natOf, verdictOf } from "./verdict.ts";
import { checkVideoPort } from "./video-port.ts";

/** A check that takes longer counts as failed. */
const CHECK_TIMEOUT: Millis = 9000;

const JWKS_TIMEOUT: Millis = 4000;

const MARKS = { good: "✓", note: "·", bad: "✗" } as const;

/**
 * Runs all checks and prints the report.
 * @returns whether everything that the options configure works.
 * @throws {UsageError} if the configuration does not fit this machine.
 */
export async function runDoctor(config: Config, print: (line: string) => void): Promise<boolean> {
  const page = { host: boundTo(config.host), port: config.port };
  const nextPort = config.port === 0 || config.port === 65_535 ? 0 : config.port + 1;
  const video = { host: boundTo(config.rtcHost ?? config.host), port: config.rtcPort ?? nextPort };
  const ports = { page: page.port, video: video.port };
  const encoders = checked(checkEncoders(config));
  const blender = checked(checkBlender(config));
  const dependencies = checkDependencies(config);
  const sending = checkSending();
  const relaying = relayedAddresses(config);
  const states = await portStates(page, video, config.name).catch((error) => {
    throw new UsageError(`The ports cannot be opened: ${reasonOf(error)}.`, { cause: error });
  });
  // A NAT maps each port by itself, so ask from the port of the video if it is free.
  const seen = await publicAddresses(config.iceServers ?? [], states.video === "free" ? ports.video : 0);
  const relays = await relaying;
  const addresses = addressesAt(video.host);
  const announced = config.announce ?? [];
  const settings = [...(await checkSettings(config)), ...(await dependencies)];
  const running = states.page === "rendercast" ? await checkRunning(page, video.port, config) : [];
  const sends = await sending;
  const programs = [await encoders, await blender] as const;
  const findings: NamedFinding[] = [
    ["Ports", describePorts(states, ports)],
    ...running,
    ["Addresses", describeAddresses(addresses)],
    ["STUN", describeNat(seen, addresses)],
    ...relays.map((relay): NamedFinding => ["TURN", describeRelay(relay)]),
    ...(config.iceServers?.some(isTurnUrl) ? [] : [["TURN", NO_TURN] as const]),
    ...(await checkSendBuffer()),
    ...settings,
    ["Encoders", programs[0]],
    ...(sends ? [["Sending", sends] as const] : []),
    ["Blender", programs[1]],
  ];
  const container = isContainer();
  const loopback = video.host === "127.0.0.1" || video.host === "::1";
  const proxied = config.trustProxy !== undefined;
  const network = { ports, states, loopback, addresses, announced, container, proxied, seen, relays };
  const parts = [...running, ...settings].map(([, finding]) => finding);
  const verdict = verdictOf({ ...network, programs: [...programs, ...parts] });
  const works = findings.every(([, { state }]) => state !== "bad");
  print("");
  for (const [name, { state, text }] of findings) print(`  ${MARKS[state]} ${name.padEnd(11)}${text}`);
  print("");
  print("  What viewers get");
  print(`    in this network   ${verdict.near}`);
  print(`    from elsewhere    ${verdict.far}`);
  print("");
  print(`  ${verdict.change ?? (works ? "Nothing to change." : `Fix what is marked ${MARKS.bad}.`)}`);
  print("");
  return works;
}

/** Checks what only a running server shows. */
async function checkRunning(place: Place, videoPort: number, config: Config): Promise<NamedFinding[]> {
  const [video, proxies] = await Promise.all([
    checked(checkVideoPort(place, videoPort, config)),
    checkProxies(config),
  ]);
  return [["Video port", video], ...proxies];
}

/** Checks the names and addresses in the options. Only failures are findings. */
async function checkSettings({ announce = [], jwks }: Config): Promise<[string, Finding][]> {
  const names = await resolveAnnounced(announce).then(
    () => undefined,
    (error) => reasonOf(error),
  );
  const keys =
    jwks === undefined
      ? undefined
      : await fetch(jwks, { signal: AbortSignal.timeout(JWKS_TIMEOUT) })
          .then(
            async (answer) =>
              answer.ok && "keys" in (await answer.json()) ? undefined : "it returns no keys",
            () => "it cannot be reached",
          )
          .catch(() => "it returns no keys");
  return [
    ...(names === undefined ? [] : [["Announce", { state: "bad", text: names }] as [string, Finding]]),
    ...(keys === undefined
      ? []
      : [
          [
            "Tokens",
            { state: "bad", text: `--jwks ${jwks}: ${keys}, so the server accepts no signed token` },
          ] as [string, Finding],
        ]),
  ];
}

/** The address to bind; undefined for every address of this machine. */
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
  text: "no server configured (--ice-servers turn:HOST): viewers behind a firewall that allows only TLS get MJPEG",
};

function checked(check: Promise<Finding>): Promise<Finding> {
  return within(CHECK_TIMEOUT, check).catch((error) => ({ state: "bad", text: reasonOf(error) }));
}

function describeAddresses(addresses: readonly string[]): Finding {
  if (addresses.length === 0) return { state: "bad", text: "this machine has none" };
  const v6 = addresses.some((address) => address.includes(":"));
  return { state: "good", text: `${addresses.join(", ")}${v6 ? "" : "; no IPv6"}` };
}

function describeNat(seen: readonly ServerAnswer[], addresses: readonly string[]): Finding {
  const silent = seen.find((answer) => "problem" in answer);
  if (silent) return { state: "bad", text: `${silent.url}: ${silent.problem}` };
  const nat = natOf(seen, addresses);
  const from = "address" in (seen[0] ?? {}) ? seen[0] : undefined;
  if (!nat || !from || !("address" in from))
    return {
      state: "note",
      text: "no server configured (--ice-servers stun:HOST): the public address of this machine is unknown",
    };
  const where = `${from.url} sees ${nat.outer} port ${from.address.port}`;
  const kinds = {
    none: "no NAT",
    steady: "behind a NAT",
    changing: "behind a NAT that changes ports (symmetric): only a forwarded port or TURN helps",
  };
  return { state: "good", text: `${where}: ${kinds[nat.kind]}` };
}

function describeRelay(relay: ServerAnswer): Finding {
  if ("problem" in relay) return { state: "bad", text: `${relay.url}: ${relay.problem}` };
  return { state: "good", text: `${relay.url} relays at ${relay.address.ip}` };
}
