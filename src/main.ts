/** The command line: read the configuration, start, print the addresses, stop cleanly. */
import { UsageError } from "./base/errors.ts";
import "./base/threads.ts";
import { renderUnicodeCompact } from "uqr";
import { rightsOfThisMachine, tellThisMachine } from "./access/this-machine.ts";
import { logOf } from "./base/log.ts";
import { isBuilt, packageVersion } from "./base/package.ts";
import { type Config, helpText, readConfig, usageLines } from "./config/config.ts";
import { runDoctor } from "./doctor/doctor.ts";
import { lanAddresses, originOf } from "./network/machine-addresses.ts";
import { type Rendercast, startRendercast } from "./rendercast.ts";
import { isEveryAddress } from "./web-servers.ts";

/** Whatever hangs, Ctrl-C ends the process by then. */
const STOP_WITHIN = 2000;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How this rendercast is started: from a clone, or installed. */
const COMMAND = isBuilt ? "rendercast" : "npm start --";

try {
  const [first, ...rest] = process.argv.slice(2);
  const isDoctor = first === "doctor";
  const command = readConfig(isDoctor ? rest : process.argv.slice(2), process.env);
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
  if (!isPretty) log(`rendercast serves '${rendercast.broadcast.name}' on port ${rendercast.port}.`);
  log(tellThisMachine(config));
  if (isPretty) console.log(await greeting(config, rendercast));

  // One viewer's trouble, in a library's callback, must not end everybody's stream.
  const failed = (what: string) => (error: unknown) => log(`${what}: ${describe(error)}`, { level: "error" });
  process.on("unhandledRejection", failed("A task failed"));
  process.on("uncaughtException", failed("A callback failed"));

  let draining: NodeJS.Timeout | undefined;
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    // Another Ctrl-C does not wait.
    if (stopping) end(1);
    if (signal === "SIGTERM" && config.drain > 0 && !draining) {
      log(
        `Stopping in ${config.drain / 1000} seconds, or at the next signal: new viewers are sent elsewhere.`,
      );
      rendercast.drain();
      draining = setTimeout(() => void stop(signal), config.drain);
      return;
    }
    clearTimeout(draining);
    stopping = true;
    log("Stopping.");
    setTimeout(() => end(0), STOP_WITHIN - 500).unref();
    await rendercast.close();
    end(0);
  };
  for (const signal of SIGNALS) process.on(signal, () => void stop(signal));
}

/** Ends the process, should a library hold a thread too. */
function end(exitCode: number): never {
  // Should another thread be held, the next Ctrl-C ends the process without it.
  for (const signal of SIGNALS) process.removeAllListeners(signal);
  process.exit(exitCode);
}

async function greeting(config: Config, { port, broadcast, names, link }: Rendercast): Promise<string> {
  const everywhere = isEveryAddress(config.host);
  const urlOf = (address: string) => `${originOf(address, port, config.tlsCert !== undefined)}/`;
  const lan = everywhere ? lanAddresses().map(urlOf) : [];
  const local = urlOf(everywhere ? "localhost" : config.host);
  const named = names.map(urlOf);
  const announced = (config.announce ?? []).map(({ host }) => urlOf(host));
  const [near = local] = [...named, ...announced, ...lan];
  // Where the output goes into a file, it is read by others.
  const invitation = process.stdout.isTTY ? await link(near.slice(0, -1)) : undefined;
  const needsToken = (await link(local.slice(0, -1))) !== undefined;
  const first = needsToken ? invitation : [...named, ...announced, ...lan][0];
  return [
    "",
    `  rendercast shows ${broadcast.info().source} as '${broadcast.name}'`,
    "",
    `  On this machine   ${local}`,
    ...named.map((url) => `  By its name       ${url}`),
    ...lan.map((url) => `  On the network    ${url}`),
    ...announced.map((url) => `  As announced      ${url}`),
    "",
    ...(needsToken ? invitationLines(invitation, local, broadcast.name, config) : []),
    ...(first === undefined ? [] : [indent(renderUnicodeCompact(first, { border: 1 })), ""]),
    ...(usesStandby(config) ? ["  Instead of it:", ...usageLines(COMMAND).slice(1), ""] : []),
    "  Ctrl-C stops it.",
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
    ? "On this machine, Share on the page makes one, and so does"
    : "With the token to view or to operate one is made by";
  if (invitation === undefined)
    return [
      `  Viewers need a link with a token. ${how}`,
      "",
      `  curl -X POST${header} ${local}streams/${encodeURIComponent(stream)}/share`,
      "",
    ];
  return [
    "  Viewers need a link with a token, such as this one, good for 24 hours:",
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
