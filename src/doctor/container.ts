/** Recognizes a container, in which the addresses of this machine are not those of the network. */
import { readFileSync } from "node:fs";

/** Files that container engines make. */
const MARKERS = ["/.dockerenv", "/run/.containerenv"];

/** Names of engines in a control group, or in the path of the root's file system. */
const ENGINE = /docker|kubepods|containerd|libpod|crio|\/lxc|buildkit|garden/;

/** What {@link isContainer} reads of a machine. */
export interface ContainerSigns {
  /** Reads a file; undefined if there is none. */
  readonly read: (path: string) => string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Whether this process runs in a container. */
export function isContainer(
  { read, env }: ContainerSigns = { read: readIfThere, env: process.env },
): boolean {
  if (MARKERS.some((path) => read(path) !== undefined)) return true;
  // Kubernetes sets it in each container; podman, systemd-nspawn and LXC set the other one.
  if (env.KUBERNETES_SERVICE_HOST !== undefined || (env.container ?? "") !== "") return true;
  // With cgroup v2 a container sees its own group as /, so the file systems are asked too.
  const groups = `${read("/proc/1/cgroup") ?? ""}\n${read("/proc/self/cgroup") ?? ""}`;
  const root = (read("/proc/self/mountinfo") ?? "").split("\n").find((line) => line.split(" ")[4] === "/");
  return ENGINE.test(groups) || ENGINE.test(root ?? "");
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
