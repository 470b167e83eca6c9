import { expect, test } from "vitest";
import { isContainer } from "../../../src/doctor/container.ts";

const ROOT = "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw";
const OVERLAY = "700 600 0:59 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A,upperdir=/x";

test.each<[string, Record<string, string>, Record<string, string>, boolean]>([
  ["Docker by its file", { "/.dockerenv": "" }, {}, true],
  ["podman by its file", { "/run/.containerenv": "" }, {}, true],
  ["a pod by its variable", {}, { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, true],
  ["LXC by its variable", {}, { container: "lxc" }, true],
  ["containerd by cgroup v1", { "/proc/1/cgroup": "4:cpu:/kubepods/besteffort/pod1/abc\n" }, {}, true],
  [
    "Docker by its root, with cgroup v2",
    { "/proc/1/cgroup": "0::/\n", "/proc/self/mountinfo": OVERLAY },
    {},
    true,
  ],
  ["not a machine", { "/proc/1/cgroup": "0::/init.scope\n", "/proc/self/mountinfo": ROOT }, {}, false],
  [
    "not a machine that runs Docker",
    {
      "/proc/1/cgroup": "0::/init.scope\n",
      "/proc/self/mountinfo": `${ROOT}\n${OVERLAY.replace(" / /", " / /m")}`,
    },
    {},
    false,
  ],
  ["not a system without these files", {}, {}, false],
])("it recognizes %s", (_, files, env, is) => {
  expect(isContainer({ read: (path) => files[path], env })).toBe(is);
});
