import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { AV_LOG_ERROR, AV_LOG_QUIET } from "node-av/constants";
import { Log } from "node-av/lib";
import { describe, expect, onTestFinished, test } from "vitest";
import { HARDWARE, type Hardware, hardwareEncoder, runTrial } from "../../src/encoder/ffmpeg/hardware.ts";
import { tryOut } from "../../src/encoder/ffmpeg/tryout.ts";

describe("the trial of a hardware encoder runs in another process", () => {
  test("and finds exactly the encoders that work here, and prints nothing on stderr", async () => {
    const module = new URL("../../src/encoder/ffmpeg/hardware.ts", import.meta.url);
    const script = `import { findHardware } from ${JSON.stringify(module)}; console.log(JSON.stringify(await findHardware("h264")))`;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      "--input-type=module",
      "-e",
      script,
    ]);
    expect(stderr).toBe("");
    const found: Hardware[] = JSON.parse(stdout);
    Log.setLevel(AV_LOG_QUIET);
    onTestFinished(() => Log.setLevel(AV_LOG_ERROR));
    for (const hardware of HARDWARE) {
      const trial = tryOut(hardwareEncoder("h264", hardware)).then(
        () => true,
        () => false,
      );
      expect(await trial).toBe(found.includes(hardware));
    }
  });

  test("and says why it failed", async () => {
    await expect(runTrial("av1", "none")).rejects.toMatchObject({
      code: 1,
      stdout: "unknown codec or hardware: av1 none\n",
    });
  });

  test("and is killed when it takes too long", async () => {
    await expect(runTrial("h264", "NVENC", 1)).rejects.toMatchObject({ killed: true, signal: "SIGKILL" });
  });
});
