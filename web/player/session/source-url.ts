/** Where a stream lives, read from the element's `src`. */
export interface SourceUrl {
  /** Where the server is: its origin, and the path that a proxy may have put before it (no slash at its end). */
  readonly origin: string;
  readonly prefix: string;
  readonly stream: string;
}

/** Reads `/streams/NAME`, relative to `base`. Undefined where it is something else. */
export function parseSource(src: string, base: string): SourceUrl | undefined {
  if (!URL.canParse(src, base)) return undefined;
  const url = new URL(src, base);
  const match = /^(.*)\/streams\/([^/]+)\/?$/.exec(url.pathname);
  if (!match || !/^https?:$/.test(url.protocol)) return undefined;
  try {
    return { origin: url.origin, prefix: match[1] ?? "", stream: decodeURIComponent(match[2] ?? "") };
  } catch {
    return undefined;
  }
}

/** The address of the MJPEG stream whose parts tell their times. */
export function timedMjpegUrl(source: SourceUrl): string {
  return `${source.origin}${source.prefix}/streams/${encodeURIComponent(source.stream)}/mjpeg?timed`;
}
