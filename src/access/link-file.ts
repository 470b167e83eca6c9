/** Stores the key of share links in a file that only this user can read, so that links survive a restart. */

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
import type { Log } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import { LinkSigner, type LinkState, linkState, newLinkState } from "./link-signer.ts";

type LinkFileOptions = Pick<Config, "stateDir" | "host" | "port" | "revokeLinks">;

/** The mode bits of group and others, which must not be set. */
const GROUP_AND_OTHERS = 0o077;

/**
 * The link signer of a server that is not joined with others. With `--port 0` it stores nothing, since links end with
 * the port.
 * @param log takes a line if earlier links ended, or if links will end with the server.
 */
export function linkSignerOf(config: LinkFileOptions, clock: Clock, log: Log): LinkSigner {
  if (config.port === 0) return new LinkSigner(clock);
  const path = pathOf(config);
  const found = read(path);
  if (typeof found === "string")
    log(`Earlier share links no longer work: ${path} ${found}.`, { level: "warn" });
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
        log(`${path} cannot be written (${codeOf(error)}). Make it writable, then revoke the links again.`, {
          level: "error",
        });
        return false;
      }
    };
    return new LinkSigner(clock, state, { keep });
  } catch (error) {
    log(
      `Links end with the server: ${path} cannot be written (${codeOf(error)}). Set a writable folder with --state-dir.`,
      { level: "warn" },
    );
    return new LinkSigner(clock);
  }
}

/** One file for each address and port, so that servers on one machine do not share it. */
function pathOf({ stateDir, host, port }: LinkFileOptions): string {
  // The XDG Base Directory Specification requires an absolute path.
  const { XDG_STATE_HOME: home = "" } = process.env;
  const folder = stateDir ?? join(isAbsolute(home) ? home : join(homedir(), ".local", "state"), "rendercast");
  const address = host === "::" ? "" : `${host.replaceAll(":", "_")}-`;
  return join(folder, `links-${address}${port}.json`);
}

/** The stored state; undefined if there is no file. If the file cannot be trusted, the reason, to follow its name. */
function read(path: string): LinkState | string | undefined {
  let file: number;
  try {
    // Windows has no O_NOFOLLOW.
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(codeOf(error)) ? undefined : `cannot be read (${codeOf(error)})`;
  }
  try {
    const { mode, uid } = fstatSync(file);
    if (process.getuid && uid !== process.getuid()) return "belongs to another user";
    if (process.platform !== "win32" && (mode & GROUP_AND_OTHERS) !== 0) return "was readable by other users";
    return linkState.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return "is damaged";
  } finally {
    closeSync(file);
  }
}

/** Writes a temporary file, then renames it: nobody sees a half-written file, or one that others can read. */
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
