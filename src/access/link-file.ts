/** Keeps the key of share links in a file of this user alone, so that links outlive a restart. */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import { LinkSigner, type LinkState, linkState, newLinkState } from "./link-signer.ts";

type Wanted = Pick<Config, "stateDir" | "host" | "port" | "revokeLinks">;

/** What of the mode must not be set: access for the group and for others. */
const OTHERS = 0o077;

/**
 * The signer of a server that is alone. With `--port 0`, where links end with the port, it stores nothing.
 * @param log takes a line where links will end with the server.
 */
export function linkSignerOf(config: Wanted, clock: Clock, log: (line: string) => void): LinkSigner {
  if (config.port === 0) return new LinkSigner(clock);
  const path = pathOf(config);
  const found = read(path);
  if (typeof found === "string") log(`The links made before have ended: ${path} ${found}.`);
  const known = typeof found === "object" && !config.revokeLinks ? found : undefined;
  try {
    const rotations = typeof found === "object" ? found.rotations + 1 : 0;
    const state = known ?? newLinkState(rotations);
    if (!known) write(path, state);
    const keep = async (changed: LinkState) => {
      try {
        write(path, changed);
        return true;
      } catch (error) {
        log(`${path} cannot be written (${codeOf(error)}): free it, and revoke the links again.`);
        return false;
      }
    };
    return new LinkSigner(clock, state, { keep });
  } catch (error) {
    log(
      `Links end with the server: ${path} cannot be written (${codeOf(error)}). Name a folder for it with --state-dir.`,
    );
    return new LinkSigner(clock);
  }
}

/** A server's own: no two listen at the same address and port. */
function pathOf({ stateDir, host, port }: Wanted): string {
  // The XDG Base Directory Specification ignores a relative path.
  const { XDG_STATE_HOME: home = "" } = process.env;
  const folder = stateDir ?? join(isAbsolute(home) ? home : join(homedir(), ".local", "state"), "rendercast");
  const address = host === "::" ? "" : `${host.replaceAll(":", "_")}-`;
  return join(folder, `links-${address}${port}.json`);
}

/** What the file has; undefined where there is none, and a clause that says why where it cannot be believed. */
function read(path: string): LinkState | string | undefined {
  let file: number;
  try {
    // On a system without links to follow the flag is not there either.
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(codeOf(error)) ? undefined : `cannot be read (${codeOf(error)})`;
  }
  try {
    const { mode, uid } = fstatSync(file);
    if (process.getuid && uid !== process.getuid()) return "belongs to another user";
    if (process.platform !== "win32" && (mode & OTHERS) !== 0) return "could be read by others";
    return linkState.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return "is damaged";
  } finally {
    closeSync(file);
  }
}

/** Writes the whole file beside its place, and then puts it there: it is never seen half written or open to others. */
function write(path: string, state: LinkState): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = openSync(beside, "wx", 0o600);
    try {
      writeSync(file, `${JSON.stringify(state)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
  } finally {
    rmSync(beside, { force: true });
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
