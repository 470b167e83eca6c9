import type { MediaIo } from "../../src/transport/io/io.ts";

/**
 * Drops this share of the media packets, retransmissions included: the same ones in every run.
 * @param delay milliseconds that all others take longer.
 */
export function losing(io: MediaIo, share: number, delay = 0): MediaIo & { lost: number } {
  let seed = 5;
  const lossy = {
    ...io,
    lost: 0,
    async bind(options: Parameters<MediaIo["bind"]>[0]) {
      const socket = await io.bind(options);
      const { wayTo } = socket;
      socket.wayTo = (address) => {
        const { send, sendMedia } = wayTo.call(socket, address);
        const later = (act: () => void) => (delay === 0 ? act() : setTimeout(act, delay));
        return {
          send: (datagram) => later(() => send(datagram)),
          sendMedia: (sealer, header, payload, index) => {
            seed = (seed * 48_271) % 2_147_483_647;
            if (seed / 2_147_483_647 < share) lossy.lost++;
            else if (delay === 0) sendMedia(sealer, header, payload, index);
            else {
              // Sealed now: the viewer may have left by then, and its keys with it.
              const packet = Buffer.from(sealer.seal(header, payload, index));
              later(() => send(packet));
            }
          },
        };
      };
      return socket;
    },
  };
  return lossy;
}
