/** The connection to Redis: one channel for the servers' messages, and the key of their share links. */
import { createClient } from "@redis/client";
import { reasonOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Wire } from "./messages.ts";
import type { SharedText } from "./shared-links.ts";

/** A connection to Redis that reconnects by itself. */
export interface RedisLink {
  /** Carries the servers' messages. Sends nothing while Redis is away. */
  readonly wire: Wire;
  /** Resolves when Redis answers for the first time. */
  readonly ready: Promise<void>;
  /** The stored key and revocations of share links. */
  readonly links: SharedText;
  /** Disconnects at once. */
  close(): void;
}

/** In bytes. The longest message is an offer, or a server's list of streams. */
const MAX_MESSAGE = 512 * 1024;
const RECONNECT_INTERVAL_MS = 1000;
const CONNECT_TIMEOUT_MS = 5000;
/** A Redis that hangs counts as away, and before the cluster's lease on other servers ends. */
const PING_INTERVAL_MS = 1000;
const SOCKET_TIMEOUT_MS = 3000;
/** The prefix keeps rendercast apart from other users of the same Redis. */
const CHANNEL = "rendercast:servers";
const LINKS_KEY = "rendercast:links";

/**
 * Connects to Redis, and keeps trying. Never throws, and never ends the process.
 * @param log takes a line when Redis goes away and when it comes back.
 */
export function openRedis(url: string, log: Log): RedisLink {
  const options = {
    url,
    pingInterval: PING_INTERVAL_MS,
    socket: {
      reconnectStrategy: RECONNECT_INTERVAL_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SOCKET_TIMEOUT_MS,
    },
  };
  const publisher = createClient({ ...options, disableOfflineQueue: true });
  const subscriber = createClient(options);
  const { promise: ready, resolve: answered } = Promise.withResolvers<void>();
  const isReady = () => publisher.isReady && subscriber.isReady;
  let isLogged = false;
  for (const client of [publisher, subscriber]) {
    client.on("error", (error: Error) => {
      if (isLogged) return;
      isLogged = true;
      log(`Redis does not answer (${codeOf(error)}): this server shows only its own streams until it does.`, {
        level: "warn",
      });
    });
    client.on("ready", () => {
      if (!isReady()) return;
      isLogged = false;
      answered();
      log("Connected to Redis: this server shares its streams with the others.");
    });
    // The error event reports a failure, and the client tries again.
    client.connect().catch(() => {});
  }
  let hear: (message: unknown) => void = () => {};
  // The client subscribes again by itself after each reconnection.
  subscriber.subscribe(CHANNEL, (text) => void readMessage(text, hear), true).catch(() => {});
  return {
    wire: {
      get connected() {
        return isReady();
      },
      send: (message) => void publisher.publish(CHANNEL, JSON.stringify(message)).catch(() => {}),
      listen: (listener) => {
        hear = listener;
      },
    },
    ready,
    links: {
      read: () => publisher.get(LINKS_KEY),
      write: async (text) => void (await publisher.set(LINKS_KEY, text)),
    },
    close() {
      for (const client of [publisher, subscriber]) client.destroy();
    },
  };
}

/** Ignores what is too long or no JSON: anyone with access to Redis can publish on the channel. */
function readMessage(text: Buffer, hear: (message: unknown) => void): void {
  if (text.length > MAX_MESSAGE) return;
  let message: unknown;
  try {
    message = JSON.parse(text.toString());
  } catch {
    return;
  }
  hear(message);
}

function codeOf(error: Error & { readonly code?: string }): string {
  return error.code ?? reasonOf(error);
}
