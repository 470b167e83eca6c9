/**
 * Which programs the end-to-end suites run, and what is to be done where one is missing.
 * Only decisions: `parts.ts` looks at the machine and acts.
 */

interface Part {
  /** What programs of this kind are called, the preferred name first. */
  readonly names: readonly string[];
  /** The environment variable that names another program. */
  readonly override: string;
  /** Debian's packages for it. */
  readonly packages: readonly string[];
  /** What the suites do with it. */
  readonly use: string;
}

const PARTS = {
  chromium: {
    names: ["chromium", "chromium-browser", "google-chrome"],
    override: "RENDERCAST_CHROMIUM",
    packages: ["chromium"],
    use: "to watch a stream in Chromium",
  },
  firefox: {
    names: ["firefox-esr", "firefox"],
    override: "RENDERCAST_FIREFOX",
    packages: ["firefox-esr"],
    use: "to watch a stream in Firefox",
  },
  webkit: {
    names: ["WebKitWebDriver"],
    override: "RENDERCAST_WEBKIT",
    packages: ["webkit2gtk-driver"],
    use: "to watch a stream in WebKit, the engine of Safari",
  },
  blender: {
    names: ["blender"],
    override: "RENDERCAST_BLENDER",
    // In background mode Blender draws without a display, on Mesa's software OpenGL by EGL, which it only recommends.
    packages: ["blender", "libegl1", "libgl1-mesa-dri"],
    use: "to render in Blender itself",
  },
  xvfb: {
    names: ["Xvfb"],
    override: "RENDERCAST_XVFB",
    packages: ["xvfb"],
    use: "to open Blender's window without a screen",
  },
  python: {
    names: ["python3"],
    override: "RENDERCAST_PYTHON",
    packages: ["python3"],
    use: "to test the Blender scripts outside Blender",
  },
  ffmpeg: {
    names: ["ffmpeg"],
    override: "RENDERCAST_FFMPEG",
    packages: ["ffmpeg"],
    use: "to publish with FFmpeg",
  },
  curl: {
    names: ["curl"],
    override: "RENDERCAST_CURL",
    packages: ["curl"],
    use: "to publish with curl",
  },
  gstreamer: {
    names: ["gst-launch-1.0"],
    override: "RENDERCAST_GSTREAMER",
    // The tool is not what the suite runs, but comes with the rest: webrtcbin, its codecs, and Python's way to them.
    packages: [
      "gstreamer1.0-tools",
      "gstreamer1.0-plugins-base",
      "gstreamer1.0-plugins-good",
      "gstreamer1.0-plugins-bad",
      "gstreamer1.0-nice",
      "gir1.2-gst-plugins-bad-1.0",
      "python3-gst-1.0",
    ],
    use: "to watch a stream in GStreamer",
  },
  ip: {
    names: ["ip"],
    override: "RENDERCAST_IP",
    packages: ["iproute2"],
    use: "to watch from network to network",
  },
  nft: {
    names: ["nft"],
    override: "RENDERCAST_NFT",
    packages: ["nftables"],
    use: "to watch through NATs and firewalls",
  },
  nginx: {
    names: ["nginx"],
    override: "RENDERCAST_NGINX",
    packages: ["nginx"],
    use: "to serve viewers through nginx",
  },
  haproxy: {
    names: ["haproxy"],
    override: "RENDERCAST_HAPROXY",
    packages: ["haproxy"],
    use: "to come through HAProxy",
  },
  coturn: {
    names: ["turnserver"],
    override: "RENDERCAST_COTURN",
    packages: ["coturn"],
    use: "to watch by a TURN server",
  },
  janus: {
    names: ["janus"],
    override: "RENDERCAST_JANUS",
    packages: ["janus"],
    use: "to hand a stream on to Janus",
  },
  redis: {
    names: ["redis-server"],
    override: "RENDERCAST_REDIS_SERVER",
    packages: ["redis-server"],
    use: "to join servers with each other",
  },
  systemd: {
    names: ["systemd-analyze"],
    override: "RENDERCAST_SYSTEMD_ANALYZE",
    packages: ["systemd"],
    use: "to check the systemd unit",
  },
  promtool: {
    names: ["promtool"],
    override: "RENDERCAST_PROMTOOL",
    packages: ["prometheus"],
    use: "to check metrics and alert rules",
  },
} as const satisfies Record<string, Part>;

/** A program that some suites cannot do without. */
export type PartName = keyof typeof PARTS;

/** The paths of the programs that are there. */
export type Parts = { readonly [Name in PartName]?: string };

const PART_NAMES = Object.keys(PARTS) as PartName[];

/** What {@link findParts} and {@link planParts} need to know of a machine. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folders of the PATH. */
  readonly folders: readonly string[];
  isProgram(path: string): boolean;
}

/** The programs that this machine has. Throws where an override names none. */
export function findParts(machine: Machine): Parts {
  const found: { [Name in PartName]?: string } = {};
  for (const name of PART_NAMES) {
    const { names, override } = PARTS[name];
    const named = machine.env[override];
    if (named && !machine.isProgram(named)) throw new Error(`${override} is ${named}, which is no program.`);
    const path = named || findProgram(machine, names);
    if (path) found[name] = path;
  }
  return found;
}

/** The path of the first program of these names, an earlier name before an earlier folder. */
export function findProgram(machine: Machine, names: readonly string[]): string | undefined {
  return names
    .flatMap((name) => machine.folders.map((folder) => `${folder}/${name}`))
    .find((path) => machine.isProgram(path));
}

/** How packages can be installed: as root, by sudo without a password, or not, with the reason. */
export type Installer =
  | { readonly as: "root" | "sudo" }
  | { readonly as: "nobody"; readonly because: string };

/** One part to install. */
export interface Installation {
  readonly part: PartName;
  /** One line for the user: what is installed, and why. */
  readonly announcement: string;
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
}

/** What to install. Each part has a command of its own, so that one that cannot be had does not keep the others out. */
export function planParts(found: Parts, installer: Installer): readonly Installation[] {
  if (installer.as === "nobody") return [];
  const { as } = installer;
  return missingParts(found).map((part) => {
    const { packages, use } = PARTS[part];
    return {
      part,
      announcement: `Installing ${packages.join(", ")} from the system's packages, ${use} (once; to do without: RENDERCAST_INSTALL=0).`,
      command: aptGet(as, "install", "--yes", "--no-install-recommends", ...packages),
    };
  });
}

/** The command that brings apt-get's lists up to date. */
export function updateCommand(as: "root" | "sudo"): readonly [string, ...string[]] {
  return aptGet(as, "update");
}

// The lines that tell the progress come by descriptor 3: sudo hands no such one down, and were it 1, the packages'
// own scripts would run without a standard output, which some do not survive.
const APT_GET = 'exec env DEBIAN_FRONTEND=noninteractive apt-get -o APT::Status-Fd=3 "$@" 3>&1';

function aptGet(as: "root" | "sudo", ...args: string[]): readonly [string, ...string[]] {
  const command = ["-c", APT_GET, "apt-get", "-o", "DPkg::Lock::Timeout=300", ...args];
  return as === "root" ? ["sh", ...command] : ["sudo", "-n", "sh", ...command];
}

/** How far apt-get is, from a line of its output; undefined for a line that does not say. */
export function progressOf(line: string): { readonly doing: string; readonly percent: number } | undefined {
  const [, kind, percent] = /^(dl|pm)status:[^:]*(?::[^:]*)?:(\d+(?:\.\d+)?):/.exec(line) ?? [];
  if (!kind || !percent) return undefined;
  return { doing: kind === "dl" ? "downloading" : "installing", percent: Number(percent) };
}

/** The parts that are not there. */
export function missingParts(found: Parts): readonly PartName[] {
  return PART_NAMES.filter((name) => !found[name]);
}

/** What to say of a part that is not there: the command that adds it, or the variable that names it. */
export function howToAdd(part: PartName): string {
  const { packages, override } = PARTS[part];
  return `${part}: sudo apt-get install ${packages.join(" ")} (or set ${override} to its path)`;
}

/** What to say before the suites run, where parts stay missing; `because` says why they were not installed. */
export function describeMissing(missing: readonly PartName[], because: string): string {
  const lines = missing.map((part) => `  ${howToAdd(part)}`);
  return [`Suites are left out for want of programs, ${because}. To add them:`, ...lines].join("\n");
}

/** Whether the environment says that this is a CI run, where nothing may be left out. */
export function isCi(env: Machine["env"]): boolean {
  return !["", "0", "false"].includes(env.CI ?? "");
}
