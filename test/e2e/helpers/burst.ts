/**
 * Sends one keyframe to many viewers at once, in a process of its own so that a network namespace can hold it. Takes a
 * {@link BurstRequest} as JSON, and prints a {@link BurstResult} when nothing waits any more.
 */
import { loadNativeIo } from "../../../src/transport/io/native/native.ts";
import { plainIo } from "../../../src/transport/io/plain.ts";

export interface BurstRequest {
  readonly form: "native" | "plain";
  readonly host: string;
  readonly to: string;
  readonly viewers: number;
  /** Of each viewer. */
  readonly packets: number;
  /** As SO_SNDBUF takes it: the system doubles it. */
  readonly sendBuffer: number;
  /** How long to send for after the burst, in milliseconds. */
  readonly rest: number;
}

export interface BurstResult {
  readonly dropped: number;
  /** What came back, where the burst goes to this machine itself. */
  readonly received: number;
}

const FIRST_PORT = 20_000;

const { form, host, to, viewers, packets, sendBuffer, rest }: BurstRequest = JSON.parse(
  process.argv[2] ?? "",
);
const io = form === "native" ? await loadNativeIo() : plainIo;
const bound = await io.bind({ family: 4, host, port: 0 });
bound.socket.setSendBufferSize(sendBuffer);
const sealer = io.sealerOf({
  profile: "AEAD_AES_128_GCM",
  key: Buffer.alloc(16, 1),
  salt: Buffer.alloc(12, 2),
  auth: Buffer.alloc(20),
});
let received = 0;
for (let viewer = 0; viewer < viewers && to === host; viewer++) {
  const { socket } = await plainIo.bind({ family: 4, host, port: FIRST_PORT + viewer });
  socket.on("message", () => received++);
  socket.unref();
}
let index = 1;
for (let viewer = 0; viewer < viewers; viewer++) {
  const { sendMedia } = bound.wayTo({ ip: to, port: FIRST_PORT + viewer });
  for (let n = 0; n < packets; n++) sendMedia(sealer, Buffer.alloc(28, 0x80), Buffer.alloc(1180), index++);
}
setTimeout(() => {
  const result: BurstResult = { dropped: bound.dropped, received };
  console.log(JSON.stringify(result));
  bound.close();
}, rest);
