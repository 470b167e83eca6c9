/** A web site of somebody else, on a port of this machine; the browser that visits it knows its names. */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

export interface ForeignSite {
  /** Of its pages, at that name. */
  originOf(host: string): string;
  close(): void;
}

/** @param answer serves what is not one empty page. */
export async function openForeignSite(
  answer: Readonly<Record<string, RequestListener>> = {},
): Promise<ForeignSite> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://site");
    const special = answer[pathname];
    if (special) special(request, response);
    else response.setHeader("Content-Type", "text/html").end("<!doctype html><title>A page</title>");
  }).listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    originOf: (host) => `http://${host}:${port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
