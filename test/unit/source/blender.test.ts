import { existsSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { blenderArguments } from "../../../src/source/blender/command.ts";
import { findBlender, type Places } from "../../../src/source/blender/find.ts";
import { BlenderProcess } from "../../../src/source/blender/process.ts";
import { stageOf, withoutFolders } from "../../../src/source/blender/words.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

describe("finding Blender", () => {
  const places = (platform: NodeJS.Platform, ...programs: string[]): Places => ({
    platform,
    path: ["/usr/local/bin", "/usr/bin"],
    home: "/home/me",
    isProgram: (path) => programs.includes(path),
    list: (folder) =>
      programs.flatMap((path) =>
        path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1).split("/")[0] ?? ""] : [],
      ),
  });

  test.each<[string, Places, string | undefined]>([
    [
      "prefers the one on the PATH",
      places("linux", "/opt/blender-5.0/blender", "/usr/bin/blender"),
      "/usr/bin/blender",
    ],
    [
      "takes the newest one unpacked in a usual folder",
      places("linux", "/opt/blender-4.5.1/blender", "/opt/blender-4.10.0/blender"),
      "/opt/blender-4.10.0/blender",
    ],
    ["finds a snap", places("linux", "/snap/bin/blender"), "/snap/bin/blender"],
    [
      "finds an application of macOS",
      places("darwin", "/Applications/Blender.app/Contents/MacOS/Blender"),
      "/Applications/Blender.app/Contents/MacOS/Blender",
    ],
    [
      "finds the folder of the Windows installer",
      places("win32", "C:/Program Files/Blender Foundation/Blender 4.5/blender.exe"),
      "C:/Program Files/Blender Foundation/Blender 4.5/blender.exe",
    ],
    ["finds nothing if there is none", places("linux"), undefined],
  ])("%s", (_, machine, found) => {
    expect(findBlender(machine)).toBe(found);
  });
});

describe("Blender's command line", () => {
  const command = {
    scene: "arm.blend",
    script: undefined,
    trustScripts: false,
    camera: "Cam",
    engine: "eevee",
    animate: "once",
    turn: undefined,
    size: { width: 960, height: 540 },
    fps: 24,
    control: "off",
    server: "http://127.0.0.1:8080",
    stream: "main",
  };

  test("opens the scene before it runs the script, and has the other options behind --", () => {
    const all = blenderArguments(command);
    expect(all.indexOf("arm.blend")).toBeLessThan(all.indexOf("-P"));
    expect(all.indexOf("--python-exit-code")).toBeLessThan(all.indexOf("-P"));
    expect(existsSync(all[all.indexOf("-P") + 1] ?? "")).toBe(true);
    expect(all.slice(all.indexOf("--") + 1).join(" ")).toBe(
      "--with-parent --server http://127.0.0.1:8080 --stream main --size 960x540 --fps 24 --engine eevee --animate once --control off --camera Cam",
    );
  });

  test("lets the file's scripts run only if they are trusted, and before it opens the file", () => {
    expect(blenderArguments(command)).not.toContain("-y");
    const trusting = blenderArguments({ ...command, trustScripts: true });
    expect(trusting.slice(0, 3)).toEqual(["-b", "-y", "arm.blend"]);
  });

  test("starts from factory settings without a scene, not from the user's", () => {
    expect(blenderArguments({ ...command, scene: undefined })).toContain("--factory-startup");
  });
});

test("problems for viewers name files without their folders", () => {
  const files = ["/opt/blender/blender", undefined, "work/arm.blend", "arm.py"];
  expect(withoutFolders("The script arm.py failed; Blender did not open work/arm.blend.", files)).toBe(
    "The script arm.py failed; Blender did not open arm.blend.",
  );
  expect(withoutFolders("spawn /opt/blender/blender EACCES.", files)).toBe("spawn blender EACCES.");
});

test("viewers are told of the stage that takes long", () => {
  expect(stageOf("compiling shaders for EEVEE; this takes a while")).toBe("Blender is compiling shaders");
  expect(stageOf("publishing main to http://127.0.0.1:8080")).toBeUndefined();
});

describe("keeping Blender running", () => {
  const started: BlenderProcess[] = [];
  afterEach(async () => {
    for (const blender of started.splice(0)) await blender.close();
  });

  /** Starts Node with this script instead of Blender. */
  function start(script: string) {
    const clock = new FakeClock();
    const lines: string[] = [];
    const problems: (string | undefined)[] = [];
    let ends = 0;
    const blender = new BlenderProcess({
      program: process.execPath,
      arguments: ["-e", script],
      environment: { RENDERCAST_TEST: "handed on" },
      clock,
      log: (line) => lines.push(line),
      problem: (sentence) => problems.push(sentence),
      ended: () => ends++,
    });
    started.push(blender);
    blender.start();
    const says = (pattern: RegExp) =>
      vi.waitFor(() => expect(lines.join("\n")).toMatch(pattern), { timeout: 10_000 });
    return { clock, lines, problems, ends: () => ends, blender, says };
  }

  test("logs lines with its prefix, and no others", async () => {
    const { lines, says } = start(
      `console.log("Fra:1 Mem:10M"); console.log("rendercast: " + process.env.RENDERCAST_TEST); setInterval(() => {}, 1000)`,
    );
    await says(/^Blender: handed on$/);
    expect(lines).toHaveLength(1);
  });

  test("restarts Blender after a crash with back-off, and gives up after five crashes in a row", async () => {
    const { clock, lines, problems, says } = start(
      `console.error("Segfault in " + "draw"); process.kill(process.pid, "SIGSEGV")`,
    );
    for (const [crash, pause] of [1, 2, 4, 8].entries()) {
      await says(new RegExp(`(.*It restarts in[\\s\\S]*){${crash + 1}}`));
      expect(lines.at(-1)).toContain(`It restarts in ${pause} s`);
      expect(problems.at(-1)).toBe("Renderer crashed. Restarting…");
      await clock.advance(pause * 1000);
      expect(problems.at(-1)).toBeUndefined();
    }
    await says(/crashed 5 times in a row, the last time by SIGSEGV, and is not restarted/);
    expect(lines.at(-2)).toContain("Segfault in draw");
    expect(problems.at(-1)).toBe(
      "Renderer crashed 5 times in a row and is not restarted. The server's log has the details.",
    );
  });

  test("reports an error of the script in its own words, and does not restart Blender", async () => {
    const { clock, lines, problems, says } = start(
      `console.log("Blender 4.5"); console.error("rendercast: there is no camera Cam."); process.exit(1)`,
    );
    await says(/there is no camera Cam[\s\S]*ended with code 1 and is not restarted/);
    expect(clock.timers).toBe(0);
    expect(problems).toEqual([undefined, "There is no camera Cam."]);
    expect(lines.join("\n")).not.toContain("Blender 4.5");
  });

  test("logs the traceback of an error of the script", async () => {
    const { lines, problems, says } = start(
      `console.log("Blender 4.5"); console.error("Traceback (most recent call last):\\n  line 3\\nrendercast: line 3 failed"); process.exit(1)`,
    );
    await says(/is not restarted/);
    expect(lines.at(-2)).toBe("Blender's last lines:\n  Traceback (most recent call last):\n    line 3");
    expect(problems.at(-1)).toBe("Line 3 failed.");
  });

  test.each([
    ["nothing", `console.log("ls: unknown option"); process.exit(2)`],
    [
      "only something else before",
      `console.error("rendercast: the server is away\\nTraceback (most recent call last):\\nls: unknown option"); process.exit(2)`,
    ],
  ])(
    "logs the last lines, which viewers do not see, if Blender fails and its script said %s",
    async (_, script) => {
      const { lines, problems, says } = start(script);
      await says(/is not restarted/);
      expect(lines.at(-2)).toContain("ls: unknown option");
      expect(problems.at(-1)).toBe("Renderer stopped because of an error. The server's log has the details.");
    },
  );

  test("does not take a normal exit for a crash", async () => {
    const { clock, lines, problems, ends, says } = start("");
    await says(/^Blender ended\.$/);
    expect(lines).toHaveLength(1);
    expect(problems).toEqual([undefined]);
    expect(ends()).toBe(1);
    expect(clock.timers).toBe(0);
  });

  test("reports in one sentence that the program cannot be started", async () => {
    const lines: string[] = [];
    const clock = new FakeClock();
    const problems: (string | undefined)[] = [];
    new BlenderProcess({
      ...{ program: "/no/such/blender", arguments: [], environment: {}, clock },
      log: (line) => lines.push(line),
      problem: (sentence) => problems.push(sentence),
      ended: () => {},
    }).start();
    await vi.waitFor(() =>
      expect(lines.join()).toMatch(/could not be started: .*set its path with --blender\.$/),
    );
    expect(problems.at(-1)).toBe("Blender could not be started. The server's log has the reason.");
  });

  test("stops Blender when it is closed and does not restart it", async () => {
    const { blender, lines, says } = start(
      `process.on("SIGTERM", () => { console.log("rendercast: ended"); process.exit(0) }); console.log("rendercast: here"); setInterval(() => {}, 1000)`,
    );
    await says(/here/);
    await blender.close();
    expect(lines).toEqual(["Blender: here", "Blender: ended"]);
  });
});
