/** HTTP as an attacker writes it: bytes over a socket, without a client library that keeps to the rules. */
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

/** Where the bytes go; with `secure` over TLS, whatever the certificate is. */
export interface RawTarget {
  readonly port: number;
  readonly secure?: boolean;
}

/** Sends the lines, and resolves with all that comes until the other side closes the connection. */
export function sendRaw({ port, secure = false }: RawTarget, ...lines: readonly string[]): Promise<string> {
  const socket = secure
    ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
    : connect(port, "127.0.0.1");
  socket.setEncoding("latin1").write(lines.join("\r\n"), "latin1");
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

/** The status of the first answer in the text; 0 where there is none. */
export function statusOf(text: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0);
}

/** One chunk that holds the text, a character a byte, and the last chunk (RFC 9112, section 7.1). */
export function chunked(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
}
