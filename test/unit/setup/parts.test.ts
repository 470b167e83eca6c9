import { describe, expect, test } from "vitest";
import {
  describeMissing,
  findParts,
  findProgram,
  howToAdd,
  isCi,
  type Machine,
  missingParts,
  planParts,
  progressOf,
  updateCommand,
} from "../../setup/plan.ts";

const all = {
  chromium: "/usr/bin/chromium",
  firefox: "/usr/bin/firefox-esr",
  webkit: "/usr/bin/WebKitWebDriver",
  blender: "/usr/bin/blender",
  xvfb: "/usr/bin/Xvfb",
  python: "/usr/bin/python3",
  ffmpeg: "/usr/bin/ffmpeg",
  curl: "/usr/bin/curl",
  gstreamer: "/usr/bin/gst-launch-1.0",
  ip: "/usr/sbin/ip",
  nft: "/usr/sbin/nft",
  nginx: "/usr/sbin/nginx",
  haproxy: "/usr/sbin/haproxy",
  coturn: "/usr/bin/turnserver",
  janus: "/usr/bin/janus",
  redis: "/usr/bin/redis-server",
  systemd: "/usr/bin/systemd-analyze",
  promtool: "/usr/bin/promtool",
};

function machine(programs: readonly string[], env: Machine["env"] = {}): Machine {
  return {
    env,
    folders: ["/opt/bin", "/usr/bin", "/usr/sbin"],
    isProgram: (path) => programs.includes(path),
  };
}

describe("finding the programs", () => {
  test("finds them by their usual names", () => {
    expect(findParts(machine(Object.values(all)))).toEqual(all);
  });

  test("leaves out missing programs", () => {
    const found = findParts(machine(["/usr/bin/google-chrome"]));
    expect(found).toEqual({ chromium: "/usr/bin/google-chrome" });
    const { chromium: _, ...others } = all;
    expect(missingParts(found)).toEqual(Object.keys(others));
  });

  test("prefers the first name in any folder, and then the first folder", () => {
    const names = ["chromium", "google-chrome"];
    const programs = ["/opt/bin/google-chrome", "/usr/bin/chromium"];
    expect(findProgram(machine(programs), names)).toBe("/usr/bin/chromium");
    expect(findProgram(machine([...programs, "/opt/bin/chromium"]), names)).toBe("/opt/bin/chromium");
  });

  test("prefers the program that a variable names", () => {
    const programs = ["/usr/bin/blender", "/home/me/blender-5/blender"];
    const env = { RENDERCAST_BLENDER: "/home/me/blender-5/blender" };
    expect(findParts(machine(programs, env)).blender).toBe("/home/me/blender-5/blender");
  });

  test("ignores an empty variable", () => {
    expect(findParts(machine(["/usr/bin/blender"], { RENDERCAST_BLENDER: "" })).blender).toBe(
      "/usr/bin/blender",
    );
  });

  test("refuses a variable that names no program", () => {
    const env = { RENDERCAST_FIREFOX: "/nowhere/firefox" };
    expect(() => findParts(machine(Object.values(all), env))).toThrow(
      "RENDERCAST_FIREFOX is /nowhere/firefox, which is no program.",
    );
  });
});

describe("planning what to install", () => {
  test("plans nothing if nothing is missing", () => {
    expect(planParts(all, { as: "root" })).toEqual([]);
  });

  test("plans nothing if nothing may be installed", () => {
    expect(planParts({}, { as: "nobody", because: "and there is no apt-get" })).toEqual([]);
  });

  test("plans one command per missing part, which asks nothing and waits for apt's lock", () => {
    const { blender: _, ...found } = all;
    const plan = planParts(found, { as: "root" });
    expect(plan.map(({ part }) => part)).toEqual(["blender"]);
    const command = plan[0]?.command ?? [];
    expect(command[0]).toBe("sh");
    expect(command[2]).toContain("DEBIAN_FRONTEND=noninteractive apt-get");
    expect(command).toContain("DPkg::Lock::Timeout=300");
    expect(command.slice(-6)).toEqual([
      "install",
      "--yes",
      "--no-install-recommends",
      "blender",
      "libegl1",
      "libgl1-mesa-dri",
    ]);
    expect(plan[0]?.announcement).toMatch(/^Installing blender, .*, to render in Blender itself .*\.$/);
  });

  test("uses sudo without a password prompt if it is not root", () => {
    const { firefox: _, ...found } = all;
    const sudo = ["sudo", "-n", "sh", "-c"];
    expect(planParts(found, { as: "sudo" })[0]?.command.slice(0, 4)).toEqual(sudo);
    expect(updateCommand("sudo").slice(0, 4)).toEqual(sudo);
    expect(updateCommand("root").at(-1)).toBe("update");
  });
});

describe("reading apt-get's progress", () => {
  test.each([
    ["dlstatus:12:41.0337:Retrieving file 12 of 200", { doing: "downloading", percent: 41.0337 }],
    ["pmstatus:blender:97.5:Unpacking blender (amd64)", { doing: "installing", percent: 97.5 }],
    ["pmstatus:libstdc++6:amd64:20:Preparing libstdc++6", { doing: "installing", percent: 20 }],
    ["pmstatus:dpkg-exec:0.0000:Running dpkg", { doing: "installing", percent: 0 }],
  ])("reads %s", (line, progress) => {
    expect(progressOf(line)).toEqual(progress);
  });

  test.each([
    "Get:1 http://deb.debian.org/debian bookworm/main",
    "Setting up blender",
    "status: half 50:",
    "",
  ])("finds no progress in %o", (line) => {
    expect(progressOf(line)).toBeUndefined();
  });
});

describe("reporting missing programs", () => {
  test("names the reason once and a command for each part", () => {
    expect(describeMissing(["firefox", "blender"], "and there is no apt-get here to install them")).toBe(
      [
        "Suites are left out for want of programs, and there is no apt-get here to install them. To add them:",
        "  firefox: sudo apt-get install firefox-esr (or set RENDERCAST_FIREFOX to its path)",
        "  blender: sudo apt-get install blender libegl1 libgl1-mesa-dri (or set RENDERCAST_BLENDER to its path)",
      ].join("\n"),
    );
    expect(howToAdd("firefox")).toContain("sudo apt-get install firefox-esr");
  });

  test.each([
    [undefined, false],
    ["", false],
    ["0", false],
    ["false", false],
    ["1", true],
    ["true", true],
  ])("treats CI=%s as a CI run: %s", (value, ci) => {
    expect(isCi({ CI: value })).toBe(ci);
  });
});
