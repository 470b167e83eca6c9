/** nginx before a server, set up as deploy/nginx.conf says. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const CONFIGURATION = new URL("../../../deploy/nginx.conf", import.meta.url);

/**
 * Starts it.
 * @param folder has the certificate and key that {@link writeCertificate} writes, and takes nginx's files.
 * @param from the port of nginx itself, with TLS.
 * @param to the port of the server behind it.
 */
export function startNginx(program: string, folder: string, from: number, to: number): ChildProcess {
  const file = join(folder, "nginx.conf");
  writeFileSync(file, configurationFor(folder, from, to));
  return spawn(program, ["-p", folder, "-c", file, "-e", "stderr"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** The file as users have it, but for what is theirs in it: ports, names and places. */
function configurationFor(folder: string, from: number, to: number): string {
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  const changes: [string | RegExp, string][] = [
    ["listen 443 ssl;", `listen 127.0.0.1:${from} ssl;`],
    ["listen [::]:443 ssl;", ""],
    ["server_name example.com;", "server_name localhost;"],
    [/\/etc\/\S*fullchain\.pem/, files.cert],
    [/\/etc\/\S*privkey\.pem/, files.key],
    ["/var/log/nginx/rendercast.log", join(folder, "access.log")],
    ["proxy_pass http://127.0.0.1:8080;", `proxy_pass http://127.0.0.1:${to};`],
  ];
  let text = readFileSync(CONFIGURATION, "utf8");
  for (const [here, there] of changes) {
    const changed = text.replace(here, there);
    if (changed === text) throw new Error(`nginx.conf has no ${here}`);
    text = changed;
  }
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${join(folder, kind)};`,
  );
  return `daemon off; master_process off; pid ${join(folder, "pid")}; error_log stderr; events {}
    http { ${places.join(" ")} ${text} }`;
}
