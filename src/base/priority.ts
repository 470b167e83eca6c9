/** The priority of processes that must not delay the video. */
import { constants, setPriority } from "node:os";

/**
 * Lets other processes go first, if the system allows it: some sandboxes do not, and a process may have ended.
 * @param pid default: this process.
 */
export function lowerPriority(pid = 0): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {}
}
