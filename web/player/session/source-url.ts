/** The address of a stream, read from the element's `src`. */
export interface SourceUrl {
  /** Origin of the server, and the path prefix that a proxy may add (without a trailing slash). */
  readonly origin: string;
  readonly prefix: string;
  readonly stream: string;
}

/** Reads `/streams/NAME`, relative to `base`; undefined for any other address. */
export function parseSource(src: string, base: string): SourceUrl | undefined {
  try {
    const url = new URL(src, base);
    const match = /^(.*)\/streams\/([^/]+)\/?$/.exec(url.pathname);
    if (!match || !/^https?:$/.test(url.protocol)) return undefined;
    return { origin: url.origin, prefix: match[1] ?? "", stream: decodeURIComponent(match[2] ?? "") };
  } catch {
    return undefined;
  }
}

/** The address of the MJPEG stream with the times of each frame in its part headers. */
export function timedMjpegUrl(source: SourceUrl): string {
  return `${source.origin}${source.prefix}/streams/${encodeURIComponent(source.stream)}/mjpeg?timed`;
}
