/** Tests whether the kernel cuts one message into datagrams (UDP_SEGMENT). */
import type { Clock, Millis } from "../../../base/clock.ts";
import type { Sealer } from "../../rtp/srtp.ts";
import type { MediaSocket, SocketOptions } from "../io.ts";

/** Datagrams to this machine arrive within microseconds, but the test runs at the start, when the machine is busiest. */
const ARRIVAL_TIMEOUT: Millis = 2000;

/** Bytes of the bodies sent. UDP_SEGMENT allows a shorter last datagram. */
const BODIES = [100, 100, 40];

const HEADER_BYTES = 12;

/** What the test sends with. */
export interface SegmentationTest {
  readonly clock: Clock;
  /** Binds a socket that uses segmentation. */
  readonly bind: (options: SocketOptions) => Promise<MediaSocket>;
  readonly sealer: Sealer & { readonly tagBytes: number };
}

/** Sends itself three datagrams in one message. @returns whether they arrive as three. */
export async function canSegment({ clock, bind, sealer }: SegmentationTest): Promise<boolean> {
  const sender = await bind({ family: 4, host: "127.0.0.1", port: 0 });
  const { port } = sender.socket.address();
  const sizes: number[] = [];
  const received = new Promise<void>((resolve) => {
    // A thread that was busy finds timer and datagrams due together, and runs the timer first.
    const cancel = clock.after(ARRIVAL_TIMEOUT, () => setImmediate(resolve));
    sender.socket.on("message", ({ length }) => {
      if (sizes.push(length) < BODIES.length) return;
      cancel();
      resolve();
    });
  });
  const { sendMedia } = sender.wayTo({ ip: "127.0.0.1", port });
  for (const bytes of BODIES) sendMedia(sealer, Buffer.alloc(HEADER_BYTES), Buffer.alloc(bytes), 1);
  await received;
  sender.close();
  return sizes.join() === BODIES.map((bytes) => HEADER_BYTES + bytes + sealer.tagBytes).join();
}
