/** Session descriptions as lines (RFC 8866, section 5). */

/** The lines of a description, without line ends and empty lines. */
export function linesOf(sdp: string): string[] {
  return sdp.split(/\r?\n/).filter((line) => line !== "");
}

/** The description with these lines, each ended by CRLF. */
export function sdpOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join("");
}
