/** A server that joins others by Redis, and answers what they pass on to it with bytes of a test's choice. */
import { createServer, type Server } from "node:net";
import { createClient } from "@redis/client";
import { portOf } from "../../../src/http/listen.ts";

export interface FalseServer {
  /** All that came, a request each. */
  readonly requests: string[];
  stop(): Promise<void>;
}

/**
 * Joins, with one stream.
 * @param redis the address of Redis.
 * @param answers the bytes by the last segment of the path; nothing is answered to others.
 */
export async function joinFalseServer(
  redis: string,
  stream: string,
  answers: Readonly<Record<string, string>>,
): Promise<FalseServer> {
  const requests: string[] = [];
  const server: Server = createServer((socket) => {
    socket
      .on("error", () => {})
      .once("data", (chunk) => {
        const request = chunk.toString("latin1");
        requests.push(request);
        const answer = answers[/^\S+ \S*\/([^\s?]*)/.exec(request)?.[1] ?? ""];
        if (answer !== undefined) socket.end(answer, "latin1");
      });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = createClient({ url: redis });
  await client.connect();
  const info = { name: stream, source: "a publisher", width: 1, height: 1, fps: 1, viewers: 0 };
  const streams = [{ info: { ...info, state: { kind: "live", since: 1, run: 1 } }, claim: "now" }];
  const url = `http://127.0.0.1:${portOf(server as never)}`;
  const tell = () => {
    const here = { kind: "here", from: "false", url, key: "k".repeat(43), now: Date.now(), streams };
    void client.publish("rendercast:servers", JSON.stringify(here));
  };
  const telling = setInterval(tell, 500);
  tell();
  return {
    requests,
    async stop() {
      clearInterval(telling);
      client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
