/** The viewers of one stream by MJPEG: each new picture becomes one JPEG, which all of them are sent. */
import type { ServerResponse } from "node:http";
import type { Clock } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import { Latest } from "../base/latest.ts";
import type { Log } from "../base/log.ts";
import type { StreamUsage } from "../encoder/image/stream-usage.ts";
import { MjpegStream } from "../transport/mjpeg.ts";
import { type Picture, toJpeg } from "./picture.ts";
import type { Seats } from "./seats.ts";
import type { ViewerLog, ViewerRecords } from "./viewer-records.ts";

/** What {@link MjpegViewers} needs of its stream. */
export interface MjpegViewersOptions {
  /** The stream's name. */
  readonly stream: string;
  readonly clock: Clock;
  readonly seats: Seats;
  readonly records: ViewerRecords;
  readonly use: StreamUsage;
  readonly log: Log;
  readonly viewerLog: ViewerLog;
  /** A viewer joined or left. */
  readonly changed: () => void;
}

/** The MJPEG viewers of one stream. */
export class MjpegViewers {
  readonly #options: MjpegViewersOptions;
  readonly #mjpeg: MjpegStream;
  readonly #pictures = new Latest<Picture>((picture) => this.#send(picture));

  constructor(options: MjpegViewersOptions) {
    this.#options = options;
    this.#mjpeg = new MjpegStream(options.clock);
  }

  /** How many viewers there are. */
  get size(): number {
    return this.#mjpeg.viewers;
  }

  /**
   * Streams into the response until its client closes it.
   * @param timed as {@link MjpegStream.add} takes it.
   * @param address of the viewer, as {@link Seats.take} takes it.
   * @param shown the picture that it begins with, if there is one.
   * @throws {FullError} if no seat is free.
   */
  add(response: ServerResponse, timed: boolean, address: string, shown: Picture | undefined): void {
    const { stream, seats, records, viewerLog, changed } = this.#options;
    const freeSeat = seats.take(stream, address);
    const record = records.add("mjpeg", address);
    record.joined();
    viewerLog(record, "watches by MJPEG");
    this.#mjpeg.add(response, timed, () => {
      freeSeat();
      viewerLog(record, "left");
      record.end();
      changed();
    });
    if (shown) this.#pictures.push(shown);
    changed();
  }

  /** Sends the picture as soon as the one before has become a JPEG; encodes nothing without viewers. */
  push(picture: Picture): void {
    if (this.size > 0) this.#pictures.push(picture);
  }

  /** Without viewers forgets the last picture: the next viewer must not begin with an old one. */
  forgetIfUnwatched(): void {
    if (this.size === 0) this.#mjpeg.forget();
  }

  /** Ends all viewers. */
  close(): void {
    this.#pictures.close();
    this.#mjpeg.close();
  }

  async #send(picture: Picture): Promise<void> {
    try {
      this.#mjpeg.send(await toJpeg(picture, this.#options.use));
    } catch (error) {
      this.#options.log(`A picture could not be encoded as JPEG: ${reasonOf(error)}`, { level: "error" });
    }
  }
}
