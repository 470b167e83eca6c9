/**
 * `npm run test:dockerfile [-- --cache DIR]` checks deploy/Dockerfile without a container engine: lints it, runs its steps in
 * a chroot of Debian, starts the server there, and asks the health check. It needs root and debootstrap.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const LINTER = "dockerfile-utils@0.16.3";
const RELEASE = "bookworm";
/** Uses no port that a server of the machine may have. */
const PORT = "18080";

const project = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: { cache: { type: "string", default: "/var/tmp/rendercast-dockerfile" } },
});
const cache = resolve(values.cache);

interface Stage {
  readonly root: string;
  readonly env: Record<string, string>;
  folder: string;
  user: string;
}

const say = (line: string) => console.log(`test-dockerfile: ${line}`);
const run = (program: string, ...options: string[]) => execFileSync(program, options, { stdio: "inherit" });
const npmSetting = (name: string) =>
  execFileSync("npm", ["config", "get", name], { encoding: "utf8" }).trim();

/** The command in a stage's chroot, in its folder, as its user; /proc is there for it alone. */
function inside({ root, env, folder, user }: Stage, ...command: readonly string[]): [string, string[]] {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const chroot = ["--userspec", user, root, "env", "-i", "-C", folder, ...variables, ...command];
  const mounted = 'mount -t proc proc "$0/proc" && exec chroot "$@"';
  return ["unshare", ["--mount", "sh", "-c", mounted, root, ...chroot]];
}

/** What the image node:24-bookworm-slim has: Debian, Node with npm, and the user `node`. */
function base(): string {
  const root = join(cache, "base");
  if (existsSync(join(root, "usr/local/bin/npm"))) return root;
  say("making the base, once");
  rmSync(root, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  run("debootstrap", "--variant=minbase", RELEASE, root);
  run("chroot", root, "useradd", "--uid", "1000", "--create-home", "node");
  cpSync(realpathSync(process.execPath), join(root, "usr/local/bin/node"));
  const npm = join(execFileSync("npm", ["root", "--global"], { encoding: "utf8" }).trim(), "npm");
  cpSync(npm, join(root, "usr/local/lib/node_modules/npm"), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(root, "usr/local/bin/npm"));
  return root;
}

function newStage(name: string): Stage {
  const root = join(cache, name);
  rmSync(root, { recursive: true, force: true });
  run("cp", "--archive", "--reflink=auto", base(), root);
  cpSync("/etc/resolv.conf", join(root, "etc/resolv.conf"), { dereference: true });
  const path = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return { root, env: { PATH: path, HOME: "/root" }, folder: "/", user: "root" };
}

/** The files of the build context, as .dockerignore leaves them. */
function context(): string[] {
  const ignored = readFileSync(join(project, ".dockerignore"), "utf8").split("\n").filter(Boolean);
  const files = execFileSync("git", ["ls-files"], { cwd: project, encoding: "utf8" })
    .split("\n")
    .filter(Boolean);
  return files.filter((file) => !ignored.some((one) => file === one || file.startsWith(`${one}/`)));
}

function copy(stage: Stage, words: string[], from: Stage | undefined): void {
  const last = words.at(-1) ?? ".";
  // join keeps the slash at the end, which means a folder.
  const to = join(stage.root, last.startsWith("/") ? last : join(stage.folder, last));
  for (const source of words.slice(0, -1)) {
    if (!from) {
      for (const file of source === "." ? context() : [source])
        cpSync(join(project, file), join(to, file), { recursive: true });
      continue;
    }
    const path = join(from.root, source);
    const target = statSync(path).isFile() && to.endsWith("/") ? join(to, basename(path)) : to;
    cpSync(path, target, { recursive: true, verbatimSymlinks: true });
  }
}

/** Runs a RUN line, with the registry of this machine. */
function runStep(stage: Stage, line: string): void {
  const certificates = process.env.NODE_EXTRA_CA_CERTS ?? npmSetting("cafile");
  const env = { ...stage.env, npm_config_registry: npmSetting("registry") };
  if (existsSync(certificates)) {
    mkdirSync(join(stage.root, dirname(certificates)), { recursive: true });
    cpSync(certificates, join(stage.root, certificates), { dereference: true });
    Object.assign(env, { NODE_EXTRA_CA_CERTS: certificates });
  }
  const [program, options] = inside({ ...stage, env }, "sh", "-c", line);
  run(program, ...options);
}

interface Image {
  readonly stage: Stage;
  readonly entrypoint: readonly string[];
  readonly healthcheck: readonly string[];
}

/** Runs all instructions. @throws at one that it does not know. */
function build(text: string): Image {
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  const image = { entrypoint: [] as string[], healthcheck: [] as string[] };
  for (const line of text.replaceAll("\\\n", " ").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    say(line);
    const [word = "", ...rest] = line.split(/\s+/);
    if (word === "FROM") {
      const name = rest[2] ?? "image";
      stage = newStage(name);
      stages.set(name, stage);
      continue;
    }
    if (!stage) throw new Error("The first instruction must be FROM.");
    const json = () => JSON.parse(line.slice(line.indexOf("["))) as string[];
    if (word === "WORKDIR") {
      stage.folder = rest[0] ?? "/";
      mkdirSync(join(stage.root, stage.folder), { recursive: true });
    } else if (word === "ENV") {
      for (const pair of rest) Object.assign(stage.env, Object.fromEntries([pair.split("=")]));
    } else if (word === "COPY") {
      const [, name] = /^--from=(.+)/.exec(rest[0] ?? "") ?? [];
      copy(stage, name ? rest.slice(1) : rest, name === undefined ? undefined : stages.get(name));
    } else if (word === "RUN") runStep(stage, rest.join(" "));
    else if (word === "USER") stage.user = rest[0] ?? "root";
    else if (word === "HEALTHCHECK") image.healthcheck = json();
    else if (word === "ENTRYPOINT") image.entrypoint = json();
    else if (word !== "EXPOSE") throw new Error(`${word} is not an instruction that this script knows.`);
  }
  if (!stage) throw new Error("The Dockerfile is empty.");
  return { ...image, stage };
}

/** Starts the image with other options than the default ones, and waits for its health check. */
async function tryOut({ stage, entrypoint, healthcheck }: Image): Promise<void> {
  const options = ["--port", PORT, "--host", "127.0.0.1"];
  const server = spawn(...inside(stage, ...entrypoint, ...options), {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const exited = once(server, "exit");
  try {
    const [program, words] = inside(stage, ...healthcheck, ...options);
    const isHealthy = () => spawnSync(program, words, { stdio: "inherit" }).status === 0;
    for (let tries = 0; !isHealthy(); tries++)
      if (tries === 20) throw new Error("The server is not healthy.");
  } finally {
    server.kill("SIGTERM");
  }
  const [code] = await exited;
  if (code !== 0) throw new Error(`The server ended with the code ${code}.`);
}

if (process.getuid?.() !== 0) throw new Error("Run it as root: it uses chroot.");
const dockerfile = join(project, "deploy/Dockerfile");
run("npm", "exec", "--yes", `--package=${LINTER}`, "--", "dockerfile-utils", "lint", dockerfile);
const image = build(readFileSync(dockerfile, "utf8"));
await tryOut(image);
run("du", "--summarize", "--human-readable", join(image.stage.root, "app"));
for (const name of ["build", "image"]) rmSync(join(cache, name), { recursive: true, force: true });
say("all steps passed, and the server was healthy");
