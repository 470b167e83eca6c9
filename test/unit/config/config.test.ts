import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/base/errors.ts";
import { type Config, readConfig } from "../../../src/config/config.ts";
import { helpText, optionsPage } from "../../../src/config/help.ts";
import { OPTIONS, variableOf } from "../../../src/config/options.ts";

function run(argv: string[], env: Record<string, string> = {}): Config {
  const command = readConfig(argv, env);
  if (!("run" in command)) throw new Error("asked to show something");
  return command.run;
}

describe("reading the configuration", () => {
  test("without options gives the defaults, in their units", () => {
    expect(run([])).toMatchObject({
      port: 8080,
      name: "main",
      size: { width: 480, height: 270 },
      fps: 20,
      stallAfter: 5000,
      maxFrameBytes: 64 * 1024 * 1024,
    });
    expect(run([]).folder).toBeUndefined();
  });

  test("prefers a flag to its environment variable, and that to the default", () => {
    expect(run([], { RENDERCAST_PORT: "9001" }).port).toBe(9001);
    expect(run(["--port", "9002"], { RENDERCAST_PORT: "9001" }).port).toBe(9002);
    expect(run(["--port=9003"]).port).toBe(9003);
  });

  test.each([
    [["--port", "70000"], "--port takes a whole number from 0 to 65535, not '70000'."],
    [["--port", "eighty"], "--port takes a whole number from 0 to 65535, not 'eighty'."],
    [["--size", "480"], "--size takes a size such as 480x270, not '480'."],
    [["--size", "8x8"], "--size takes a size from 16x16 to 3840x2160, not '8x8'."],
    [
      ["--name", "../x"],
      "--name takes 1 to 64 letters, digits, dots, underscores and dashes, the first a letter or digit, not '../x'.",
    ],
    [["--picture", "a/b.jpg"], "--picture takes a file name without a folder, not 'a/b.jpg'."],
    [["--host", "nowhere"], "--host takes an IP address or localhost, not 'nowhere'."],
    [
      ["--announce", "203.0.113"],
      "--announce takes up to 8 addresses separated by commas, each with :PORT if it differs, not '203.0.113'.",
    ],
    [
      ["--ice-servers", "stun:a.example,http://b.example"],
      "--ice-servers takes up to 8 URLs such as stun:example.com:3478 and turns:example.com, separated by commas, not 'stun:a.example,http://b.example'.",
    ],
    [["--relay-only=no"], "--relay-only is a switch, and takes no value."],
    [["--relay-only"], "--relay-only needs a TURN server: name one with --ice-servers turn:HOST."],
    [
      ["--ice-servers", "stun:a.example", "--turn-secret", "x"],
      "--turn-secret needs a TURN server: name one with --ice-servers turn:HOST.",
    ],
    [
      ["--ice-servers", "turn:a.example"],
      "TURN servers need credentials: give --turn-secret or --turn-user.",
    ],
    [
      ["--ice-servers", "turn:a.example", "--turn-secret", "x", "--turn-user", "a:b"],
      "Give --turn-secret or --turn-user, but not both.",
    ],
    [["--colour", "red"], "--colour is not an option; --help lists them all."],
    [["--port"], "--port needs a value; --help shows which."],
    [["--port", "--fps", "20"], "--port needs a value; --help shows which."],
    [["--port", "-v"], "--port needs a value; --help shows which."],
    [["--fps", "-3"], "--fps takes a whole number from 1 to 120, not '-3'."],
    [["--fps=-3"], "--fps takes a whole number from 1 to 120, not '-3'."],
    [
      ["--jwks", "https://keys.example/"],
      "--jwks needs --jwt-audience: give the aud claim of the tokens for this server, or any to accept every audience.",
    ],
    [
      ["--jwt-audience", "studio"],
      "--jwt-audience is for signed tokens: give their key with --jwt-secret or --jwks.",
    ],
    [
      ["--jwt-issuer", "https://id.example"],
      "--jwt-issuer is for signed tokens: give their key with --jwt-secret or --jwks.",
    ],
    [["--trust-this-machine", "yes"], "--trust-this-machine takes auto, on or off, not 'yes'."],
    [["--jwks", "foo"], "--jwks takes an https:// address, not 'foo'."],
    [
      ["--jwks", "http://keys.example/"],
      "--jwks takes an https:// address, or an http:// one on this machine, not 'http://keys.example/'.",
    ],
    [
      ["film.mp4"],
      "'film.mp4' is not a .blend file, and only those can be given without a flag; --help lists the options.",
    ],
    [["arm.py"], "'arm.py' is a script: write --script arm.py."],
    [["--scene", "a.blend", "film.mp4"], "'film.mp4' is not an option; --help lists them all."],
  ])("refuses %j in one sentence", (argv, message) => {
    expect(() => run(argv)).toThrow(new UsageError(message));
  });

  test("splits the network options into their parts", () => {
    const urls = "turn:a.example?transport=tcp, stun:b.example:3478";
    expect(
      run([
        "--announce",
        "a.example:9000,::1",
        "--ice-servers",
        urls,
        "--turn-user",
        "a:b:c",
        "--relay-only",
      ]),
    ).toMatchObject({
      announce: [
        { host: "a.example", port: 9000 },
        { host: "::1", port: undefined },
      ],
      iceServers: ["turn:a.example?transport=tcp", "stun:b.example:3478"],
      turnUser: { username: "a", credential: "b:c" },
      relayOnly: true,
    });
    expect(run([]).relayOnly).toBe(false);
    expect(run([], { RENDERCAST_RELAY_ONLY: "0" }).relayOnly).toBe(false);
  });

  test("reads --embed-from as a list of origins, and refuses what is no origin", () => {
    expect(run(["--embed-from", "https://a.example/, http://b.lan:3000"]).embedFrom).toEqual([
      "https://a.example",
      "http://b.lan:3000",
    ]);
    expect(run(["--embed-from", "*"]).embedFrom).toEqual(["*"]);
    for (const wrong of ["a.example", "https://a.example/page", "https://a.example:443", ""]) {
      expect(() => run(["--embed-from", wrong])).toThrow("--embed-from takes origins such as https://");
    }
  });

  test("accepts a value that begins with a dash, as a camera's name can", () => {
    expect(run(["--camera", "-Cam", "scene.blend"])).toMatchObject({ camera: "-Cam", scene: "scene.blend" });
    expect(run(["scene.blend", "--camera", "--Cam"]).camera).toBe("--Cam");
  });

  test("accepts a scene without its flag", () => {
    expect(run(["scene.blend", "--fps", "24"])).toMatchObject({ scene: "scene.blend", fps: 24 });
    expect(run(["--scene", "scene.blend"]).scene).toBe("scene.blend");
    expect(() => run(["one.blend", "two.blend"])).toThrow("'two.blend' is not an option");
    expect(() => run(["one.blend", "--folder", "x"])).toThrow(UsageError);
  });

  test.each(["camera", "engine", "animate", "turn", "blender"])(
    "refuses --%s if no Blender is started",
    (flag) => {
      const value = { engine: "eevee", animate: "off" }[flag] ?? "Something";
      const sentence =
        "is for the Blender that rendercast starts: name a .blend file too, or a script with --script.";
      expect(() => run([`--${flag}`, value])).toThrow(new UsageError(`--${flag} ${sentence}`));
      expect(() => run(["--folder", "x", `--${flag}`, value])).toThrow(UsageError);
      for (const given of [["scene.blend"], ["--script", "arm.py"]]) {
        expect(run([...given, `--${flag}`, value])).toMatchObject({ [flag]: value });
      }
      const env = { [variableOf(flag)]: value };
      expect(run([], { RENDERCAST_SCRIPT: "arm.py", ...env })).toMatchObject({ [flag]: value });
      // A user's profile may set the path of Blender for all programs.
      if (flag === "blender") expect(run([], env).blender).toBe(value);
      else expect(() => run([], env)).toThrow(new UsageError(`${variableOf(flag)} ${sentence}`));
    },
  );

  test("--trust-scripts needs the Blender that rendercast starts", () => {
    expect(run(["scene.blend", "--trust-scripts"]).trustScripts).toBe(true);
    expect(run(["scene.blend"]).trustScripts).toBe(false);
    expect(() => run(["--trust-scripts"])).toThrow("is for the Blender that rendercast starts");
  });

  test("the doctor takes the path of Blender without a scene, but not what only a scene needs", () => {
    const asked = readConfig(["--blender", "/opt/blender/blender"], {}, "doctor");
    expect("run" in asked && asked.run.blender).toBe("/opt/blender/blender");
    expect(() => readConfig(["--camera", "Cam"], {}, "doctor")).toThrow(UsageError);
  });

  test("explains how to pass flags that npm took for its own", () => {
    const env = { npm_config_folder: "true" };
    expect(() => run(["/tmp/render"], env)).toThrow(
      "'/tmp/render' is not an option; write npm start -- --folder ...",
    );
  });

  test.each(["publish-token", "view-token", "operate-token", "jwt-secret"])(
    "never repeats the value of --%s, even if it is refused",
    (flag) => {
      expect(() => run([`--${flag}`, "short"])).toThrow(
        /^--\S+ takes at least \d+ characters, not the one given\.$/,
      );
    },
  );

  test("names the environment variable if that is wrong", () => {
    expect(() => run([], { RENDERCAST_FPS: "fast" })).toThrow(
      "RENDERCAST_FPS takes a whole number from 1 to 120",
    );
  });

  test("answers --help and --version even if other options are wrong", () => {
    expect(readConfig(["--help", "--port", "x"], {})).toEqual({ show: "help" });
    expect(readConfig(["-v"], {})).toEqual({ show: "version" });
  });
});

test("the help names every option and says what it does", () => {
  for (const option of Object.values(OPTIONS)) {
    const { flag, help } = option;
    const value = "value" in option ? ` ${option.value}` : "";
    const [line = ""] = helpText("rendercast").match(new RegExp(`^ *--${flag} .*`, "m")) ?? [];
    expect(line).toContain(`  --${flag}${value}  `);
    expect(line).toContain(` ${help}`);
  }
});

test("docs/options.md is up to date, and has every option and variable", () => {
  const page = readFileSync(new URL("../../../docs/options.md", import.meta.url), "utf8");
  expect(page).toBe(optionsPage());
  for (const { flag, help } of Object.values(OPTIONS)) {
    const row = page.split("\n").find((line) => line.includes(`| \`${variableOf(flag)}\` |`));
    expect(row).toContain(`| \`--${flag}`);
    expect(row).toContain(help);
  }
});

test("worker threads are off by default", () => {
  expect(run([]).workers).toBe(0);
  expect(run(["--workers", "3"]).workers).toBe(3);
});

test("TLS needs both of its files", () => {
  for (const flag of ["--tls-cert", "--tls-key"])
    expect(() => readConfig([flag, "x.pem"], {})).toThrow("give --tls-cert and --tls-key.");
});

test("the video's port must differ from the page's, unless both are 0", () => {
  expect(() => readConfig(["--port", "8090", "--rtc-port", "8090"], {})).toThrow(/must differ/);
  expect(readConfig(["--port", "0", "--rtc-port", "0"], {})).toMatchObject({ run: { rtcPort: 0 } });
});
