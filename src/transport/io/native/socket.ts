/** Binds UDP sockets for the native sender. */
import { getSystemErrorName } from "node:util";
import { type MediaSocket, RECEIVE_BUFFER, SEND_BUFFER, type SocketOptions } from "../io.ts";
import { listening, newSocket } from "../plain.ts";
import type { Native } from "./ffi.ts";
import { NativeSender } from "./sender.ts";
import { AF_INET, AF_INET6, SOCKADDR_BYTES, sockaddrOf } from "./sockaddr.ts";

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;

/**
 * Binds a UDP socket. A system call creates it, because Node does not reveal the descriptor of a socket that it creates.
 * @param segmentation whether the kernel supports UDP_SEGMENT.
 * @throws an error with the system's `code` if the address is taken or does not belong to this machine.
 */
export async function bindNative(
  native: Native,
  { family, host, port }: SocketOptions,
  segmentation: boolean,
): Promise<MediaSocket> {
  const { system, allocate } = native;
  const fd = system.socket(family === 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const memory = allocate(SOCKADDR_BYTES + 4);
  const address = sockaddrOf({ ip: host, port });
  address.copy(memory.bytes);
  memory.bytes.writeInt32LE(1, SOCKADDR_BYTES);
  if (family === 6) system.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, memory.at + SOCKADDR_BYTES, 4);
  if (fd < 0 || system.bind(fd, memory.at, address.length) !== 0) {
    const code = getSystemErrorName(-system.errno());
    if (fd >= 0) system.close(fd);
    throw Object.assign(new Error(`bind ${code} ${host}:${port}`), { code });
  }
  const socket = newSocket(family);
  await listening(socket, () => socket.bind({ fd, exclusive: true }));
  socket.setSendBufferSize(SEND_BUFFER);
  socket.setRecvBufferSize(RECEIVE_BUFFER);
  // Above net.core.wmem_max, which is often a few packets only. It needs CAP_NET_ADMIN, and fails harmlessly without.
  memory.bytes.writeInt32LE(SEND_BUFFER, SOCKADDR_BYTES);
  system.setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, memory.at + SOCKADDR_BYTES, 4);
  const sender = new NativeSender(native, { fd, segmentation });
  return {
    socket,
    fd,
    get dropped() {
      return sender.dropped;
    },
    wayTo: (address) => sender.wayTo(address),
    close: () => {
      if (sender.close()) socket.close();
    },
  };
}
