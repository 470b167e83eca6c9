import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configOf } from "../../../src/api/read-options.ts";
import { readConfig } from "../../../src/config/config.ts";
import { programOptions } from "../../../src/config/program-options.ts";

test("src/api/options.ts is what npm run write-options writes", () => {
  const file = readFileSync(new URL("../../../src/api/options.ts", import.meta.url), "utf8");
  expect(file).toBe(programOptions());
});

test("without options they are those of the command line without flags", () => {
  expect({ run: configOf({}) }).toEqual(readConfig([], {}));
});

test("numbers, switches and lists arrive as their flags would", () => {
  const options = {
    port: 0,
    iceServers: ["turn:a.example", "stun:b.example"],
    turnUser: "name:a secret",
    relayOnly: true,
    revokeLinks: false,
    stallAfter: 7,
    name: undefined,
  };
  expect(configOf(options)).toMatchObject({
    port: 0,
    iceServers: ["turn:a.example", "stun:b.example"],
    turnUser: { username: "name", credential: "a secret" },
    relayOnly: true,
    revokeLinks: false,
    stallAfter: 7000,
    name: "main",
  });
});

test.each([
  [{ port: 70_000 }, "--port takes a whole number from 0 to 65535, not '70000'."],
  [{ colour: "red" }, "'colour' is not an option of a program: docs/api.md lists them."],
  [{ logFormat: "json" }, "'logFormat' is not an option of a program: docs/api.md lists them."],
  [{ tlsCert: "x.pem" }, "TLS needs both files: give --tls-cert and --tls-key."],
])("%o gets one sentence that says what to do", (options, sentence) => {
  expect(() => configOf(options as never)).toThrow(sentence);
});
