/** The command line: reads the options, starts the server or the doctor, prints the addresses, and stops on signals. */
import { UsageError } from "./base/errors.ts";
import "./base/threads.ts";
import { renderUnicodeCompact } from "uqr";
import { rightsOfThisMachine, tellThisMachine } from "./access/trust-this-machine.ts";
import type { Millis } from "./base/clock.ts";
import { logOf } from "./base/log.ts";
import { isBuilt, packageVersion } from "./base/package.ts";
import { type Config, readConfig } from "./config/config.ts";
import { helpText, usageLines } from "./config/help.ts";
import { runDoctor } from "./doctor/doctor.ts";
import { isEveryAddress } from "./http/web-servers.ts";
import { lanAddresses, originOf } from "./network/machine-addresses.ts";
import { type Rendercast, startRendercast } from "./rendercast.ts";

/** After a signal the process ends within this time, even if something hangs. */
const STOP_TIMEOUT: Millis = 2000;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How the user starts this rendercast: installed, or from a clone. */
const COMMAND = isBuilt ? "rendercast" : "npm start --";

try {
  const [first, ...rest] = process.argv.slice(2);
  const isDoctor = first === "doctor";
  const command = isDoctor
    ? readConfig(rest, process.env, "doctor")
    : readConfig(process.argv.slice(2), process.env);
  if ("run" in command && isDoctor) end((await runDoctor(command.run, console.log)) ? 0 : 1);
  else if ("run" in command) await run(command.run);
  else console.log(command.show === "help" ? helpText(COMMAND) : packageVersion());
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`rendercast: ${error.message}`);
  process.exitCode = 2;
}

async function run(config: Config): Promise<void> {
  const log = logOf({
    format: config.logFormat,
    level: config.logLevel,
    write: console.log,
    timeOfDay: () => new Date().toTimeString().slice(0, 8),
  });
  const rendercast = await startRendercast(config, log);
  const isPretty = config.logFormat === "pretty";
  const { broadcast, port, videoPort } = rendercast;
  if (!isPretty)
    log(`rendercast serves '${broadcast.name}' on port ${port}, and its video on port ${videoPort}.`, {
      stream: broadcast.name,
      port,
      videoPort,
    });
  log(tellThisMachine(config));
  if (isPretty) console.log(await greeting(config, rendercast));

  // An error in a library's callback for one viewer must not end the streams of all.
  const failed = (what: string) => (error: unknown) => log(`${what}: ${describe(error)}`, { level: "error" });
  process.on("unhandledRejection", failed("A task failed"));
  process.on("uncaughtException", failed("A callback failed"));

  let draining: NodeJS.Timeout | undefined;
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    // A second Ctrl-C ends the process at once.
    if (stopping) end(1);
    if (signal === "SIGTERM" && config.drain > 0 && !draining) {
      log(`Stopping in ${config.drain / 1000} seconds, or at the next signal. New viewers are refused.`);
      rendercast.drain();
      draining = setTimeout(() => void stop(signal), config.drain);
      return;
    }
    clearTimeout(draining);
    stopping = true;
    log("Stopping.");
    setTimeout(() => end(0), STOP_TIMEOUT - 500).unref();
    await rendercast.close();
    end(0);
  };
  for (const signal of SIGNALS) process.on(signal, () => void stop(signal));
}

/** Ends the process, even if a library keeps a thread alive. */
function end(exitCode: number): never {
  // If process.exit waits for a stuck thread, the default action of the next Ctrl-C ends the process.
  for (const signal of SIGNALS) process.removeAllListeners(signal);
  process.exit(exitCode);
}

/** The text at the start: addresses, a QR code, and how to get a link. */
async function greeting(
  config: Config,
  { port, videoPort, broadcast, names, link }: Rendercast,
): Promise<string> {
  const everywhere = isEveryAddress(config.host);
  const urlOf = (address: string) => `${originOf(address, port, config.tlsCert !== undefined)}/`;
  const lan = everywhere ? lanAddresses().map(urlOf) : [];
  const local = urlOf(everywhere ? "localhost" : config.host);
  const named = names.map(urlOf);
  const announced = (config.announce ?? []).map(({ host }) => urlOf(host));
  const [best = local] = [...named, ...announced, ...lan];
  // Others may read a file with this output, so only a terminal shows a link with a token.
  const invitation = process.stdout.isTTY ? await link(best.slice(0, -1)) : undefined;
  const needsToken = (await link(local.slice(0, -1))) !== undefined;
  const forPhones = needsToken ? invitation : [...named, ...announced, ...lan][0];
  return [
    "",
    `  rendercast shows ${broadcast.info().source} as '${broadcast.name}'`,
    "",
    `  On this machine   ${local}`,
    ...named.map((url) => `  By host name      ${url}`),
    ...lan.map((url) => `  On the network    ${url}`),
    ...announced.map((url) => `  Public address    ${url}`),
    `  Video             port ${videoPort}, UDP and TCP`,
    "",
    ...(needsToken ? invitationLines(invitation, local, broadcast.name, config) : []),
    ...(forPhones === undefined ? [] : [indent(renderUnicodeCompact(forPhones, { border: 1 })), ""]),
    ...(usesStandby(config) ? ["  To show something else:", ...usageLines(COMMAND).slice(1), ""] : []),
    "  Press Ctrl-C to stop.",
    "",
  ].join("\n");
}

function usesStandby({ folder, scene, script }: Config): boolean {
  return folder === undefined && scene === undefined && script === undefined;
}

function invitationLines(
  invitation: string | undefined,
  local: string,
  stream: string,
  config: Config,
): string[] {
  const isTrusted = rightsOfThisMachine(config).includes("operate");
  const header = isTrusted ? "" : " -H 'Authorization: Bearer TOKEN'";
  const how = isTrusted
    ? "Make one with Share on the page, opened on this machine, or with"
    : "Make one with the view token or the operate token:";
  if (invitation === undefined)
    return [
      `  Viewers need a link with a token. ${how}`,
      "",
      `  curl -X POST${header} ${local}streams/${encodeURIComponent(stream)}/share`,
      "",
    ];
  return [
    "  Viewers need a link with a token, such as this one, valid for 24 hours:",
    "",
    `  ${invitation}`,
    "",
  ];
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
