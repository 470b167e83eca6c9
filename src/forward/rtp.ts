/**
 * Forwards a stream as plain RTP over UDP, for Janus' streaming plugin, GStreamer or FFmpeg. There is no signaling: the
 * receiver reads a session description from a file.
 */
import { randomInt, randomUUID } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import type { Clock, Millis } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Feed, Forwarded } from "../broadcast/feed.ts";
import type { ForwardState } from "../broadcast/operation-metrics.ts";
import type { Codec, EncodedFrame } from "../media/frame.ts";
import { Packetizer } from "../transport/packets/packetizer.ts";
import { RtpHeader } from "../transport/rtp/header.ts";
import { goodbye, readFeedback, senderReport } from "../transport/rtp/rtcp.ts";
import { CODECS } from "../transport/werift/connection.ts";

/** The first dynamic payload type (RFC 3551, section 6). */
export const PAYLOAD_TYPE = 96;

/** A receiver that starts late can request a keyframe only if it speaks RTCP. */
const KEYFRAME_INTERVAL: Millis = 2000;

/** About what RFC 3550, section 6.2, computes for such bitrates. */
const REPORT_INTERVAL: Millis = 1000;

/** What is forwarded, and where. */
export interface RtpForwardOptions {
  readonly clock: Clock;
  readonly stream: Forwarded;
  readonly codec: Codec;
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** Host and port as the option names them. */
  readonly target: string;
  readonly log: Log;
}

/** Resolves a target's name. @throws the system's error if the name has no address. */
export async function addressOf(host: string): Promise<string> {
  return (await lookup(host)).address;
}

/** One forward by RTP. */
export class RtpForward {
  readonly #options: RtpForwardOptions;
  readonly #media: Socket;
  readonly #control: Socket;
  readonly #packetizer = new Packetizer();
  readonly #ssrc = randomInt(1, 2 ** 32);
  readonly #header = new RtpHeader({ ssrc: this.#ssrc, payloadType: PAYLOAD_TYPE }, []);
  readonly #start = randomInt(1, 2 ** 15);
  readonly #cname = randomUUID();
  readonly #feed: Feed;
  readonly #cancel: (() => void)[];
  #packets = 0;
  #octets = 0;
  #last: EncodedFrame | undefined;
  #isUp = true;
  /** Whether the receiver's system refused a packet since the last report, and how many were sent by then. */
  #isRefused = false;
  #reported = 0;

  private constructor(options: RtpForwardOptions, media: Socket, control: Socket) {
    const { clock, stream, codec } = options;
    this.#options = options;
    this.#media = media;
    this.#control = control;
    // Without a receiver the system reports errors; a receiver may start later.
    for (const socket of [media, control]) socket.on("error", () => {}).unref();
    media.on("error", () => {
      this.#isRefused = true;
    });
    control.on("message", (compound) => this.#receive(compound));
    this.#feed = stream.forward(codec, [0], (frame) => this.#send(frame));
    this.#cancel = [
      clock.every(KEYFRAME_INTERVAL, () => this.#feed.requestKeyframe(0)),
      clock.every(REPORT_INTERVAL, () => this.#report()),
    ];
  }

  /** Starts to forward. @throws the system's error if there is no socket or no route. */
  static async open(options: RtpForwardOptions): Promise<RtpForward> {
    const { address, port } = options;
    const connected = async (to: number) => {
      const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
      socket.connect(to, address);
      await once(socket, "connect");
      return socket;
    };
    return new RtpForward(options, await connected(port), await connected(port + 1));
  }

  /** As `/metrics` shows it. RTP has no answers: down only if the receiver's system refuses packets. */
  get state(): ForwardState {
    return { kind: "rtp", target: this.#options.target, isUp: this.#isUp };
  }

  /** Ends it, with an RTCP BYE. */
  close(): void {
    for (const cancel of this.#cancel) cancel();
    this.#feed.stop();
    this.#control.send(goodbye(this.#ssrc, this.#cname), () => this.#control.close());
    this.#media.close();
  }

  #send(frame: EncodedFrame): void {
    this.#last = frame;
    for (const { index, timestamp, marker, payload } of this.#packetizer.packetize(frame)) {
      this.#packets++;
      this.#octets += payload.length;
      const header = this.#header.write(this.#start + index, timestamp, marker);
      // A packet that cannot be sent is lost, as on the network.
      this.#media.send(Buffer.concat([header, payload]), (error) => {
        if (error) this.#isRefused = true;
      });
    }
  }

  #receive(compound: Buffer): void {
    if (readFeedback(compound).some(({ kind }) => kind === "keyframe")) this.#feed.requestKeyframe(0);
  }

  #notice(): void {
    if (this.#packets === this.#reported) return;
    this.#reported = this.#packets;
    const isUp = !this.#isRefused;
    this.#isRefused = false;
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    const { log, stream, target } = this.#options;
    if (isUp) log(`Forwarding ${stream.name} to ${target} works again.`);
    else
      log(
        `Forwarding ${stream.name} to ${target} does not work: nothing receives RTP there. Start the receiver.`,
        {
          level: "warn",
        },
      );
  }

  #report(): void {
    this.#notice();
    if (!this.#last) return;
    const now = this.#options.clock.now();
    const { rtpTimestamp, timings } = this.#last;
    const report = senderReport({
      ssrc: this.#ssrc,
      cname: this.#cname,
      now,
      rtpTimestamp: rtpTimestamp + Math.round((now - timings.captured) * 90),
      packets: this.#packets,
      octets: this.#octets,
    });
    this.#control.send(report, () => {});
  }
}

/** The session description for a receiver (RFC 8866; RFC 7741, section 6; RFC 6184, section 8). */
export function sessionDescription({
  stream,
  codec,
  address,
  port,
}: Pick<RtpForwardOptions, "stream" | "codec" | "address" | "port">): string {
  const { name, parameters } = CODECS[codec];
  const network = isIPv6(address) ? "IP6" : "IP4";
  return [
    "v=0",
    `o=- 0 0 IN ${network} ${address}`,
    `s=${stream.name}`,
    `c=IN ${network} ${address}`,
    "t=0 0",
    `m=video ${port} RTP/AVP ${PAYLOAD_TYPE}`,
    `a=rtpmap:${PAYLOAD_TYPE} ${name}/90000`,
    ...(parameters === undefined ? [] : [`a=fmtp:${PAYLOAD_TYPE} ${parameters}`]),
  ]
    .map((line) => `${line}\r\n`)
    .join("");
}
