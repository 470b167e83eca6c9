/**
 * The MJPEG side of a broadcast: `multipart/x-mixed-replace`, one JPEG a part, to every HTTP client, of
 * which each gets the newest picture it has room for. Two forms:
 *
 * - for a bare `<img>`: behind each picture goes the next boundary with its headers at once, since
 *   browsers show a part only when the next one begins. No Content-Length then, nor the frame's number.
 * - timed, for programs: Content-Length says where the picture ends, and headers when it was made.
 */
import type { ServerResponse } from "node:http";
import type { Cancel, Clock, FrameTimings, Millis } from "../base/clock.ts";
import { MJPEG_BOUNDARY } from "../shared/protocol.ts";

/** A picture for the MJPEG side. */
export interface JpegFrame {
  readonly number: number;
  readonly data: Buffer;
  readonly timings: FrameTimings;
  /** One line of JSON. */
  readonly telemetry?: string;
}

/** A still picture is sent again this often: WebKit shows a part only at the second, and a dead client is noticed. */
const HEARTBEAT: Millis = 1000;

/** A client that took nothing for this long is gone. */
const SILENCE: Millis = 10_000;

export const MJPEG_TYPE = `multipart/x-mixed-replace; boundary=${MJPEG_BOUNDARY}`;

const PART = `--${MJPEG_BOUNDARY}\r\nContent-Type: image/jpeg\r\n`;

export class MjpegStream {
  readonly #clock: Clock;
  readonly #clients = new Set<Client>();
  #last: JpegFrame | undefined;
  #stopHeartbeat: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get viewers(): number {
    return this.#clients.size;
  }

  /** Takes over the response until the client goes, or the stream is closed; then calls `gone`, once. */
  add(response: ServerResponse, timed: boolean, gone: () => void): void {
    const client = new Client(response, timed, this.#clock);
    this.#clients.add(client);
    response.once("close", () => {
      this.#clients.delete(client);
      if (this.#clients.size === 0) this.#stopHeartbeat?.();
      gone();
    });
    if (this.#last) client.send(this.#last);
    this.#beat();
  }

  send(frame: JpegFrame): void {
    this.#last = frame;
    for (const client of this.#clients) client.send(frame);
    this.#beat();
  }

  /** Nobody watches any more: an old picture must not greet the next viewer. */
  forget(): void {
    this.#last = undefined;
  }

  close(): void {
    for (const client of this.#clients) client.end();
    this.#stopHeartbeat?.();
  }

  #beat(): void {
    this.#stopHeartbeat?.();
    if (this.#clients.size === 0) return;
    this.#stopHeartbeat = this.#clock.every(HEARTBEAT, () => {
      for (const client of this.#clients) {
        if (client.silentFor > SILENCE) client.end();
        else if (this.#last) client.send(this.#last);
      }
    });
  }
}

class Client {
  readonly #response: ServerResponse;
  readonly #timed: boolean;
  readonly #clock: Clock;
  /** The newest picture that came while the client had no room. */
  #waiting: JpegFrame | undefined;
  #lastRoom: number;

  constructor(response: ServerResponse, timed: boolean, clock: Clock) {
    this.#response = response;
    this.#timed = timed;
    this.#clock = clock;
    this.#lastRoom = clock.now();
    response.socket?.setNoDelay(true);
    response.on("error", () => {});
    response.on("drain", () => this.#drained());
    response.writeHead(200, {
      "Content-Type": MJPEG_TYPE,
      "Cache-Control": "no-store",
      // nginx would hold pictures back otherwise.
      "X-Accel-Buffering": "no",
      Connection: "close",
    });
    if (timed) response.flushHeaders();
    else response.write(`${PART}\r\n`);
  }

  /** Milliseconds since it last had room for a picture. */
  get silentFor(): Millis {
    return this.#response.writableNeedDrain ? this.#clock.now() - this.#lastRoom : 0;
  }

  send(frame: JpegFrame): void {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return;
    if (response.writableNeedDrain) {
      this.#waiting = frame;
      return;
    }
    this.#lastRoom = this.#clock.now();
    // The socket, not the response, which forgets how much its socket has yet to send.
    const { socket } = response;
    socket?.cork();
    if (this.#timed) response.write(this.#timedHeaders(frame));
    response.write(frame.data);
    response.write(this.#timed ? "\r\n" : `\r\n${PART}\r\n`);
    socket?.uncork();
  }

  end(): void {
    // Behind another on the same connection, a response has no socket to destroy yet.
    this.#response.req?.socket.destroy();
    this.#response.destroy();
  }

  #drained(): void {
    const frame = this.#waiting;
    this.#waiting = undefined;
    this.#lastRoom = this.#clock.now();
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
