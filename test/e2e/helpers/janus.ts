/** A real Janus, set up for one test, and Chromium as its viewer by Janus' own API. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer-core";
import { vi } from "vitest";

/** What viewers and programs ask it by. */
export interface Janus {
  readonly api: string;
  /** The same for programs. */
  readonly webSocket: string;
  output(): string;
  stop(): Promise<void>;
}

/** Two UDP ports, of which the second is the one above: free a moment ago. */
export async function freePorts(): Promise<number> {
  for (;;) {
    const first = createSocket("udp4").bind(0);
    const second = createSocket("udp4");
    try {
      await once(first, "listening");
      const { port } = first.address();
      await once(second.bind(port + 1), "listening");
      return port;
    } catch {
      // The one above is taken, or there is none.
    } finally {
      first.close();
      second.close();
    }
  }
}

/** @param plugins what its plugins are configured by: by their names, the text of the file. */
export async function startJanus(program: string, plugins: Record<string, string>): Promise<Janus> {
  const folder = await mkdtemp(join(tmpdir(), "janus-"));
  const port = await freePorts();
  const files = {
    "janus.jcfg": `general: { debug_level = 4, disable_colors = true, server_name = "test" }
      plugins: { disable = "${UNUSED.filter((name) => !(name in plugins))
        .map((name) => `libjanus_${name}.so`)
        .join(",")}" }
      transports: { disable = "libjanus_rabbitmq.so,libjanus_pfunix.so,libjanus_mqtt.so,libjanus_nanomsg.so" }`,
    "janus.transport.http.jcfg": `general: { json = "plain", base_path = "/janus", http = true, port = ${port}, https = false, ip = "127.0.0.1" }
      admin: { admin_http = false }`,
    "janus.transport.websockets.jcfg": `general: { json = "plain", ws = true, ws_port = ${port + 1}, ws_ip = "127.0.0.1", wss = false }
      admin: { admin_ws = false, admin_wss = false }`,
    ...Object.fromEntries(Object.entries(plugins).map(([name, text]) => [`janus.plugin.${name}.jcfg`, text])),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const child: ChildProcess = spawn(program, ["-F", folder], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (text) => {
      output += text;
    });
  const api = `http://127.0.0.1:${port}/janus`;
  await vi.waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`Janus did not start:\n${output}`);
      await fetch(`${api}/info`);
    },
    { timeout: 20_000, interval: 200 },
  );
  return {
    api,
    webSocket: `ws://127.0.0.1:${port + 1}`,
    output: () => output,
    async stop() {
      const exited = once(child, "exit");
      if (child.exitCode === null) {
        child.kill("SIGKILL");
        await exited;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const UNUSED = [
  ...["audiobridge", "duktape", "echotest", "lua", "nosip", "recordplay", "sip", "streaming", "textroom"],
  ...["videocall", "videoroom", "voicemail"],
];

/** Asks it one thing; what it answers. */
async function ask({ api }: Janus, path: string, message: object) {
  const body = JSON.stringify({ transaction: randomUUID(), ...message });
  return (await fetch(api + path, { method: "POST", body })).json();
}

/** Who publishes in a video room: their feeds. */
export async function publishersOf(janus: Janus, room: number): Promise<number[]> {
  const session = `/${(await ask(janus, "", { janus: "create" })).data.id}`;
  const attached = await ask(janus, session, { janus: "attach", plugin: "janus.plugin.videoroom" });
  const body = { request: "listparticipants", room };
  const listed = await ask(janus, `${session}/${attached.data.id}`, { janus: "message", body });
  const participants: { id: number; publisher: boolean }[] = listed.plugindata.data.participants;
  return participants.filter(({ publisher }) => publisher).map(({ id }) => id);
}

/**
 * Has the page show what a plugin offers, in a video.
 * @param request the message on which the plugin makes its offer.
 */
export function watchBy(page: Page, { api }: Janus, plugin: string, request: object): Promise<void> {
  return page.evaluate(
    async (base, plugin, request) => {
      const post = async (path: string, message: object) => {
        const body = JSON.stringify({ transaction: crypto.randomUUID(), ...message });
        const reply = await (await fetch(base + path, { method: "POST", body })).json();
        if (reply.janus === "error") throw new Error(reply.error.reason);
        return reply;
      };
      const session = `/${(await post("", { janus: "create" })).data.id}`;
      const handle = `${session}/${(await post(session, { janus: "attach", plugin })).data.id}`;
      await post(handle, { janus: "message", body: request });
      let offer: RTCSessionDescriptionInit | undefined;
      while (!offer) {
        const event = await (await fetch(`${base}${session}?maxev=1`)).json();
        const refused = event.plugindata?.data?.error;
        if (refused) throw new Error(refused);
        offer = event.jsep;
      }
      const connection = new RTCPeerConnection();
      connection.ontrack = ({ streams: [stream] }) => {
        const video = document.createElement("video");
        Object.assign(video, { autoplay: true, muted: true, srcObject: stream });
        document.body.replaceChildren(video);
      };
      await connection.setRemoteDescription(offer);
      await connection.setLocalDescription();
      await new Promise<void>((resolve) => {
        if (connection.iceGatheringState === "complete") resolve();
        connection.onicegatheringstatechange = () => resolve();
      });
      const jsep = connection.localDescription?.toJSON();
      await post(handle, { janus: "message", body: { request: "start" }, jsep });
      // Without being asked for news, Janus forgets the session in a minute.
    },
    api,
    plugin,
    request,
  );
}
