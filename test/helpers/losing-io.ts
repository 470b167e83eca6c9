import type { MediaIo } from "../../src/transport/io/io.ts";

/** Drops this share of the media packets, retransmissions included: the same ones in every run. */
export function losing(io: MediaIo, share: number): MediaIo & { lost: number } {
  let seed = 5;
  const lossy = {
    ...io,
    lost: 0,
    async bind(options: Parameters<MediaIo["bind"]>[0]) {
      const socket = await io.bind(options);
      const { wayTo } = socket;
      socket.wayTo = (address) => {
        const { send, sendMedia } = wayTo.call(socket, address);
        return {
          send,
          sendMedia: (...packet) => {
            seed = (seed * 48_271) % 2_147_483_647;
            if (seed / 2_147_483_647 < share) lossy.lost++;
            else sendMedia(...packet);
          },
        };
      };
      return socket;
    },
  };
  return lossy;
}
