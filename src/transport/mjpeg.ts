/**
 * MJPEG over HTTP: multipart (RFC 2046, section 5.1), one JPEG per part. A client that is too slow skips pictures. Two variants:
 *
 * - For `<img>`: browsers show a part only when the next one starts, so each picture is followed by the next boundary and part
 *   headers. These cannot contain Content-Length or the frame number.
 * - Timed, for programs: part headers have Content-Length, the frame number and its timestamps.
 */
import type { ServerResponse } from "node:http";
import type { Cancel, Clock, FrameTimings, Millis } from "../base/clock.ts";
import { MJPEG_BOUNDARY, TIMED_MJPEG_TYPE } from "../shared/protocol.ts";

/** A JPEG picture to send. */
export interface JpegFrame {
  readonly number: number;
  readonly data: Buffer;
  readonly timings: FrameTimings;
  /** One line of JSON. */
  readonly telemetry?: string;
}

/** Interval for repeating a still picture: WebKit shows a part only after the next one, and writing detects dead clients. */
const REPEAT_INTERVAL: Millis = 1000;

/** A client that accepts no data for this long is disconnected. */
const CLIENT_TIMEOUT: Millis = 10_000;

/** Content type of the response. */
export const mjpegType = (timed: boolean): string =>
  timed ? TIMED_MJPEG_TYPE : `multipart/x-mixed-replace; boundary=${MJPEG_BOUNDARY}`;

const PART = `--${MJPEG_BOUNDARY}\r\nContent-Type: image/jpeg\r\n`;

/** The MJPEG clients of one broadcast. */
export class MjpegStream {
  readonly #clock: Clock;
  readonly #clients = new Set<Client>();
  #last: JpegFrame | undefined;
  #stopRepeating: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of clients. */
  get viewers(): number {
    return this.#clients.size;
  }

  /**
   * Sends pictures to a response until the client disconnects or the stream closes.
   * @param timed adds part headers for programs.
   * @param gone called once, at the end.
   */
  add(response: ServerResponse, timed: boolean, gone: () => void): void {
    const client = new Client(response, timed, this.#clock);
    this.#clients.add(client);
    response.once("close", () => {
      this.#clients.delete(client);
      if (this.#clients.size === 0) this.#stopRepeating?.();
      gone();
    });
    if (this.#last) client.send(this.#last);
    this.#repeat();
  }

  /** Sends a picture to all clients. */
  send(frame: JpegFrame): void {
    this.#last = frame;
    for (const client of this.#clients) client.send(frame);
    this.#repeat();
  }

  /** Forgets the last picture, so that the next client does not see an old one first. */
  forget(): void {
    this.#last = undefined;
  }

  /** Disconnects all clients. */
  close(): void {
    for (const client of this.#clients) client.end();
    this.#stopRepeating?.();
  }

  #repeat(): void {
    this.#stopRepeating?.();
    if (this.#clients.size === 0) return;
    this.#stopRepeating = this.#clock.every(REPEAT_INTERVAL, () => {
      for (const client of this.#clients) {
        if (client.stalledFor > CLIENT_TIMEOUT) client.end();
        else if (this.#last) client.send(this.#last);
      }
    });
  }
}

class Client {
  readonly #response: ServerResponse;
  readonly #timed: boolean;
  readonly #clock: Clock;
  /** The newest picture, while the response's buffer is full. */
  #waiting: JpegFrame | undefined;
  #acceptedAt: number;

  constructor(response: ServerResponse, timed: boolean, clock: Clock) {
    this.#response = response;
    this.#timed = timed;
    this.#clock = clock;
    this.#acceptedAt = clock.now();
    response.socket?.setNoDelay(true);
    response.on("error", () => {});
    response.on("drain", () => this.#drained());
    response.writeHead(200, {
      "Content-Type": mjpegType(timed),
      "Cache-Control": "no-store",
      // Turns off response buffering in nginx.
      "X-Accel-Buffering": "no",
      Connection: "close",
    });
    if (timed) response.flushHeaders();
    else response.write(`${PART}\r\n`);
  }

  /** How long the response's buffer has been full. */
  get stalledFor(): Millis {
    return this.#response.writableNeedDrain ? this.#clock.now() - this.#acceptedAt : 0;
  }

  send(frame: JpegFrame): void {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return;
    if (response.writableNeedDrain) {
      this.#waiting = frame;
      return;
    }
    this.#acceptedAt = this.#clock.now();
    // Cork the socket: a corked response loses count of what its socket has yet to send.
    const { socket } = response;
    socket?.cork();
    if (this.#timed) response.write(this.#timedHeaders(frame));
    response.write(frame.data);
    response.write(this.#timed ? "\r\n" : `\r\n${PART}\r\n`);
    socket?.uncork();
  }

  end(): void {
    // A pipelined response has no socket until the previous response ends.
    this.#response.req?.socket.destroy();
    this.#response.destroy();
  }

  #drained(): void {
    const frame = this.#waiting;
    this.#waiting = undefined;
    this.#acceptedAt = this.#clock.now();
    if (frame) this.send(frame);
  }

  #timedHeaders({ number, data, timings, telemetry }: JpegFrame): string {
    const decoded = timings.decoded === undefined ? "" : `X-Decoded: ${timings.decoded.toFixed(3)}\r\n`;
    return (
      `${PART}Content-Length: ${data.length}\r\nX-Frame-Number: ${number}\r\n` +
      `X-Captured: ${timings.captured.toFixed(3)}\r\nX-Received: ${timings.received.toFixed(3)}\r\n` +
      `${decoded}X-Sent: ${this.#clock.now().toFixed(3)}\r\n` +
      `${telemetry === undefined ? "" : `X-Telemetry: ${telemetry}\r\n`}\r\n`
    );
  }
}
