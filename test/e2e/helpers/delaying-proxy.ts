/** A proxy in front of a server, which holds back the answers to some requests for a time that can change. */
import { once } from "node:events";
import { type ClientRequest, createServer, type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect } from "node:net";

export interface DelayingProxy {
  readonly url: string;
  close(): void;
}

/**
 * Starts one on this machine; sockets that are upgraded pass as they are.
 * @param delayOf how many milliseconds each piece of the answer to a path is held back now. Their order stays.
 */
export async function delayingProxy(port: number, delayOf: (path: string) => number): Promise<DelayingProxy> {
  const forward = (from: IncomingMessage): ClientRequest => {
    const { method, headers, url: path } = from;
    return from.pipe(request({ host: "127.0.0.1", port, method, path, headers }));
  };
  const server = createServer((from, to) => {
    const asked = forward(from);
    to.on("close", () => asked.destroy());
    asked.on("error", () => to.destroy());
    asked.on("response", (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      to.flushHeaders();
      let before: Promise<unknown> = Promise.resolve();
      const later = (run: () => void) => {
        const wait = new Promise((resolve) => setTimeout(resolve, delayOf(from.url ?? "")));
        before = Promise.all([before, wait]).then(run);
      };
      answer.on("data", (piece: Buffer) => later(() => to.write(piece)));
      answer.on("end", () => later(() => to.end()));
      answer.on("error", () => to.destroy());
    });
  });
  server.on("upgrade", (from, socket, head) => {
    const there = connect(port, "127.0.0.1", () => {
      const headers: string[] = [];
      for (let i = 0; i < from.rawHeaders.length; i += 2)
        headers.push(`${from.rawHeaders[i]}: ${from.rawHeaders[i + 1]}`);
      there.write(`${from.method} ${from.url} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
      there.write(head);
      socket.pipe(there).pipe(socket);
    });
    there.on("error", () => socket.destroy());
    socket.on("error", () => there.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
