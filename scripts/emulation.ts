/** Lets this machine start programs of another processor, by QEMU. Needs root, on Linux. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const REGISTRY = "/proc/sys/fs/binfmt_misc";

/**
 * Of each architecture, by Debian's name: QEMU's emulator, and the first bytes of its ELF files as QEMU's
 * qemu-binfmt-conf.sh has them.
 */
const EMULATORS = {
  arm64: {
    name: "qemu-aarch64",
    program: "/usr/bin/qemu-aarch64-static",
    magic: String.raw`\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`,
    mask: String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`,
  },
} as const;

/** An architecture that can be emulated. */
export type Architecture = keyof typeof EMULATORS;

/**
 * Tells the kernel to start programs of the architecture with QEMU, if it does not already, and if this is not such a machine.
 * @returns undoes it, as far as this call did it.
 * @throws an error that says what to do if it is not possible.
 */
export function emulate(architecture: Architecture): () => void {
  if (process.arch === architecture) return () => {};
  const { name, program, magic, mask } = EMULATORS[architecture];
  const undo: (() => void)[] = [];
  const undoAll = () => {
    for (const step of undo.splice(0).reverse()) step();
  };
  try {
    if (!existsSync(`${REGISTRY}/register`)) {
      if (spawnSync("mount", ["--types", "binfmt_misc", "binfmt_misc", REGISTRY]).status !== 0)
        throw new Error(`${REGISTRY} cannot be mounted`);
      undo.push(() => spawnSync("umount", [REGISTRY]));
    }
    const entry = `${REGISTRY}/${name}`;
    if (!existsSync(entry)) {
      if (!existsSync(program)) throw new Error(`there is no ${program}`);
      // F opens the emulator now: a chroot does not have it.
      writeFileSync(`${REGISTRY}/register`, `:${name}:M::${magic}:${mask}:${program}:F`);
      undo.push(() => writeFileSync(entry, "-1"));
    }
    const state = readFileSync(entry, "utf8");
    if (!state.startsWith("enabled") || !/^flags: .*F/m.test(state))
      throw new Error(`${entry} is disabled or lacks the flag F`);
  } catch (error) {
    undoAll();
    const { message } = error as Error;
    throw new Error(
      `This machine cannot start programs for ${architecture} (${message}). Install qemu-user-static, and run the command as root outside a container, or in a privileged one.`,
    );
  }
  return undoAll;
}
