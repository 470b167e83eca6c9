/** The texts made from the table of options: `--help`, and docs/options.md. */
import { OPTION_GROUPS, OPTIONS, type Option, variableOf } from "./options.ts";

/** Columns of a command in the help. */
const COMMAND_WIDTH = 32;

/** Groups with a general type. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, Option>>>> = OPTION_GROUPS;

/**
 * The text of `--help`.
 * @param command how the user starts this rendercast, such as `npm start --`.
 */
export function helpText(command: string): string {
  const width = Math.max(...Object.values<Option>(OPTIONS).map((option) => usageOf(option).length)) + 2;
  const groups = Object.entries(GROUPS).flatMap(([title, options]) => [
    "",
    `${title}:`,
    ...Object.values(options).map((option) => {
      const fallback = option.default === undefined ? "" : ` (${option.default})`;
      return `  ${usageOf(option).padEnd(width)}${option.help}${fallback}`;
    }),
  ]);
  return [
    "rendercast: a live render loop in any browser, over WebRTC.",
    "",
    ...usageLines(command),
    `  ${`${command} doctor`.padEnd(COMMAND_WIDTH)}check ports, network, encoders and Blender, and say what to change`,
    "",
    "Options, with their defaults in parentheses. Each is also an environment variable, such as RENDERCAST_PORT;",
    "use the variable for secrets, since others can read command lines.",
    ...groups,
    "",
    `  ${"--help, --version".padEnd(width)}show this help, or the version`,
    "",
  ].join("\n");
}

/** The usual ways to start rendercast, one a line, for the help and for the greeting at the start. */
export function usageLines(command: string): string[] {
  const uses = [
    ["", "show the built-in scene until somebody publishes"],
    ["scene.blend", "show what Blender renders of a scene"],
    ["--folder DIR", "show what a render loop writes to a folder"],
  ] as const;
  return uses.map(([given, what]) => `  ${`${command} ${given}`.padEnd(COMMAND_WIDTH)}${what}`);
}

/** The text of docs/options.md. */
export function optionsPage(): string {
  return [
    "# Options",
    "",
    "<!-- Written by `npm run write-options` from src/config/options.ts: edit that file. -->",
    "",
    "Each option is a flag of the command line and an environment variable. The flag takes precedence. Use the variable for",
    "secrets: other users of the machine can read command lines. `npm start -- --help` prints these options too.",
    "",
    ...Object.entries(GROUPS).flatMap(([title, options]) => [`## ${title}`, "", tableOf(options), ""]),
  ].join("\n");
}

function tableOf(options: Readonly<Record<string, Option>>): string {
  const rows = Object.values(options).map((option) => {
    const fallback = option.default === undefined ? "" : `\`${option.default}\``;
    return `| \`${usageOf(option)}\` | \`${variableOf(option.flag)}\` | ${fallback} | ${option.help} |`;
  });
  return ["| Flag | Variable | Default | What it does |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** The flag with the placeholder of its value. */
function usageOf({ flag, value }: Option): string {
  return value === undefined ? `--${flag}` : `--${flag} ${value}`;
}
