/** Stands before a server and passes bytes on as they are: what was asked of it, and how it answered. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";

export interface Asked {
  readonly method: string;
  readonly path: string;
  /** The status; undefined until there is one. */
  answer: number | "closed" | undefined;
}

export interface Recorder {
  readonly port: number;
  /** All that was asked so far, in its order on each connection. */
  readonly asked: readonly Asked[];
  close(): void;
}

/** @param to the server's port on this machine. */
export async function recorder(to: number): Promise<Recorder> {
  const asked: Asked[] = [];
  const server = createServer((client) => {
    const waiting: Asked[] = [];
    const upstream = connect(to, "localhost");
    client.on("data", (chunk) => {
      for (const [, method = "", path = ""] of String(chunk).matchAll(/^([A-Z]+) (\/\S*) HTTP\/1\.1\r$/gm)) {
        const one: Asked = { method, path, answer: undefined };
        asked.push(one);
        waiting.push(one);
      }
    });
    upstream.on("data", (chunk) => {
      for (const [, status] of String(chunk).matchAll(/^HTTP\/1\.1 (\d{3}) /gm)) {
        const one = waiting.shift();
        if (one) one.answer = Number(status);
      }
    });
    client.pipe(upstream).pipe(client);
    upstream.on("close", () => {
      for (const one of waiting) one.answer = "closed";
    });
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  }).listen(0);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    close: () => void server.close(),
  };
}
