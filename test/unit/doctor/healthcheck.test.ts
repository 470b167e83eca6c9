import { expect, test } from "vitest";
import { optionsOf } from "../../../src/doctor/healthcheck.ts";

test.each([
  [
    ["node", "dist/server/start.js", "--port", "9000"],
    ["--port", "9000"],
  ],
  [["/sbin/docker-init", "--", "node", "/app/dist/server/main.js"], []],
  [["/usr/bin/node", "/usr/local/bin/rendercast", "scene.blend"], ["scene.blend"]],
  [["/sbin/init"], undefined],
])("the options of %j are %j", (commandLine, options) => {
  expect(optionsOf(commandLine)).toEqual(options);
});
