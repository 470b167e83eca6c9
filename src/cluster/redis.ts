/**
 * Servers joined by Redis: socket.io's adapter for it carries what one server emits to the others. Without Redis a server
 * goes on alone, and is joined again once Redis is back.
 */
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { SERVERS_EVENT } from "../signaling/socket.ts";
import type { SharedText } from "./shared-links.ts";

/** What socket.io takes as an adapter. */
type Adapter = ReturnType<typeof createAdapter>;

export interface RedisLink {
  readonly adapter: Adapter;
  readonly connected: boolean;
  /** Resolves once it answers for the first time. */
  readonly ready: Promise<void>;
  /** Where the servers keep what signs their links. */
  readonly links: SharedText;
  close(): Promise<void>;
}

/** Of the messages that come, none is longer: an offer, or what a server says of its streams. */
const MAX_MESSAGE = 512 * 1024;
const RETRY_MS = 1000;
/** One that hangs is as one that is away, and known to be before other servers are taken for gone. */
const PING_MS = 1000;
const SILENT_MS = 3000;
/** Channels of rendercast alone, for Redis servers that have other things to do. */
const PREFIX = "rendercast";
const LINKS_KEY = `${PREFIX}:links`;

/**
 * The adapter's publishing and subscribing clients: it leaves promises alone that may be rejected, and reads what comes
 * without a doubt. Either would stop the process.
 */
interface AdapterClients {
  readonly publisher: object;
  readonly subscriber: object;
}

/** Connects, and goes on trying. @param log takes a line when Redis is there, and when it is not. */
export function openRedis(url: string, log: (line: string) => void): RedisLink {
  const socket = { reconnectStrategy: RETRY_MS, connectTimeout: 5000, socketTimeout: SILENT_MS };
  const options = { url, socket, pingInterval: PING_MS };
  const publisher = createClient({ ...options, disableOfflineQueue: true });
  const subscriber = createClient(options);
  let isTold = false;
  let tellReady = () => {};
  const ready = new Promise<void>((resolve) => {
    tellReady = resolve;
  });
  const isReady = () => publisher.isReady && subscriber.isReady;
  for (const client of [publisher, subscriber]) {
    client.on("error", (error: Error) => {
      if (isTold) return;
      isTold = true;
      log(
        `Redis does not answer (${reasonOf(error)}): this server shows its own streams alone until it does.`,
      );
    });
    client.on("ready", () => {
      if (!isReady()) return;
      isTold = false;
      tellReady();
      log("Redis joins this server with others.");
    });
    // It is told as an error above, and tried again.
    client.connect().catch(() => {});
  }
  const clients: AdapterClients = {
    publisher: {
      pSubscribe: () => {},
      on: () => {},
      off: () => {},
      publish: (channel: string, text: string) => {
        publisher.publish(channel, text).catch(() => {});
      },
    },
    subscriber: {
      on: () => {},
      off: () => {},
      // Of broadcasts to pages there are none: what would be read of one is not.
      pSubscribe: () => {},
      pUnsubscribe: () => {},
      subscribe: (channels: string[], hear: (text: Buffer, channel: Buffer) => void) => {
        const [requests = ""] = channels;
        const guarded = (text: Buffer, channel: Buffer) => {
          if (isServerMessage(text)) hear(text, channel);
        };
        subscriber.subscribe(requests, guarded, true).catch(() => {});
      },
      unsubscribe: () => {},
    },
  };
  return {
    adapter: createAdapter(clients.publisher, clients.subscriber, { key: PREFIX }),
    get connected() {
      return isReady();
    },
    ready,
    links: {
      read: () => publisher.get(LINKS_KEY),
      write: async (text) => {
        await publisher.set(LINKS_KEY, text);
      },
    },
    async close() {
      for (const client of [publisher, subscriber]) client.destroy();
    },
  };
}

/** The adapter's kind of request for what one server emits to the others. */
const SERVER_SIDE_EMIT = 6;

/** Whether the adapter can read it: an event without an acknowledgement. */
function isServerMessage(text: Buffer): boolean {
  if (text.length > MAX_MESSAGE || text[0] !== 0x7b) return false;
  try {
    const { type, data, requestId } = JSON.parse(text.toString());
    return (
      type === SERVER_SIDE_EMIT && requestId === undefined && Array.isArray(data) && data[0] === SERVERS_EVENT
    );
  } catch {
    return false;
  }
}

function reasonOf(error: Error & { readonly code?: string }): string {
  return error.code ?? error.message;
}
