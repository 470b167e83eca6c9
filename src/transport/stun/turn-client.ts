/** A client of STUN and TURN (RFC 8489, RFC 8656): its transactions, and one UDP allocation with permissions and channels. */

import { createHash, randomBytes } from "node:crypto";
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Address } from "../../network/address.ts";
import type { TurnCredentials } from "../../network/ice-servers.ts";
import {
  ATTRIBUTE,
  type Attribute,
  DATA_INDICATION,
  FAILURE,
  METHOD,
  type Method,
  number32,
  readErrorCode,
  readMessage,
  readXorAddress,
  SEND_INDICATION,
  type StunMessage,
  SUCCESS,
  writeMessage,
  xorAddress,
} from "./message.ts";
import { type Channel, TurnChannels } from "./turn-channels.ts";

/** The first retransmission timeout, doubled with each (RFC 8489, section 6.2.1). */
const INITIAL_RTO: Millis = 250;

/** Permissions expire after 5 minutes and channels after 10 (RFC 8656, sections 9 and 12). */
const REFRESH_INTERVAL: Millis = 120_000;

/** The protocol number in REQUESTED-TRANSPORT. */
const UDP = 17;
const UNAUTHENTICATED = 401;
const STALE_NONCE = 438;

/** What a client is made of. */
export interface TurnClientOptions {
  readonly clock: Clock;
  readonly send: (message: Buffer) => void;
  /** Undefined for STUN only. */
  readonly credentials: TurnCredentials | undefined;
  /** How long an answer may take. */
  readonly timeout: Millis;
  /** A peer sent a datagram to the allocation. */
  readonly data?: (from: Address, datagram: Buffer) => void;
  /** The allocation is lost; the last event. */
  readonly lost?: (why: string) => void;
}

/** A request that the server refused, with its error code and reason. */
export class TurnError extends Error {
  readonly code: number;

  constructor(code: number, reason: string) {
    super(`${code} ${reason}`.trim());
    this.code = code;
  }
}

/** A request that waits for its response. */
interface Transaction {
  answered(message: StunMessage): void;
  failed(error: Error): void;
}

/** Sends through a function, so that any connection can carry it. */
export class TurnClient {
  readonly #options: TurnClientOptions;
  readonly #transactions = new Map<string, Transaction>();
  readonly #permitted = new Set<string>();
  readonly #channels: TurnChannels;
  readonly #cancel: Cancel[] = [];
  #session: { readonly realm: Buffer; readonly nonce: Buffer; readonly key: Buffer } | undefined;
  #allocated = false;
  #closed = false;

  constructor(options: TurnClientOptions) {
    this.#options = options;
    this.#channels = new TurnChannels(options.clock);
  }

  /** Takes a message from the server. */
  receive(message: Buffer): void {
    const first = message[0] ?? 0;
    if (first >= 0x40 && first <= 0x4f && message.length >= 4) {
      const peer = this.#channels.peerOf(message.readUInt16BE(0));
      const end = 4 + message.readUInt16BE(2);
      if (peer && end <= message.length) this.#options.data?.(peer, message.subarray(4, end));
      return;
    }
    const read = readMessage(message);
    if (!read) return;
    if (read.type === DATA_INDICATION) {
      const from = readXorAddress(read.attributes.get(ATTRIBUTE.xorPeerAddress), read.transaction);
      const data = read.attributes.get(ATTRIBUTE.data);
      if (from && data) this.#options.data?.(from, data);
    } else this.#transactions.get(read.transaction.toString("latin1"))?.answered(read);
  }

  /**
   * Sends a binding request.
   * @returns the address that the server sees this client at.
   */
  async bind(): Promise<Address> {
    const { attributes, transaction } = await this.#ask(METHOD.binding, () => []);
    const seen = readXorAddress(attributes.get(ATTRIBUTE.xorMappedAddress), transaction);
    if (!seen) throw new Error("the answer has no address");
    return seen;
  }

  /**
   * Allocates a relayed address, and refreshes it until the client is closed.
   * @returns the relayed address.
   * @throws {TurnError} if the server refuses.
   */
  async allocate(): Promise<Address> {
    const { attributes, transaction } = await this.#askWithCredentials(METHOD.allocate, () => [
      [ATTRIBUTE.requestedTransport, number32(UDP << 24)],
    ]);
    const relayed = readXorAddress(attributes.get(ATTRIBUTE.xorRelayedAddress), transaction);
    if (!relayed) throw new Error("the answer has no relayed address");
    this.#allocated = true;
    this.#cancel.push(this.#options.clock.every(REFRESH_INTERVAL, () => void this.#refresh()));
    return relayed;
  }

  /**
   * Installs a permission for an IP address: the relay passes its datagrams.
   * @throws {TurnError} if the server refuses.
   */
  async permit(ip: string): Promise<void> {
    await this.#askWithCredentials(METHOD.createPermission, (transaction) => [
      [ATTRIBUTE.xorPeerAddress, xorAddress({ ip, port: 0 }, transaction)],
    ]);
    this.#permitted.add(ip);
  }

  /** Binds a channel to a peer, which costs 4 bytes per datagram instead of 36. */
  openChannel(peer: Address): void {
    const channel = this.#channels.open(peer);
    if (channel) void this.#bindChannel(channel);
  }

  /** Stops refreshing a channel, so that it expires. */
  closeChannel(peer: Address): void {
    this.#channels.close(peer);
  }

  /** Sends a datagram to a peer. The relay drops it if the peer has no permission. */
  sendTo(peer: Address, datagram: Buffer): void {
    if (this.#closed) return;
    const channel = this.#channels.to(peer);
    if (channel?.bound) {
      const framed = Buffer.allocUnsafe(4 + datagram.length);
      framed.writeUInt16BE(channel.number, 0);
      framed.writeUInt16BE(datagram.length, 2);
      datagram.copy(framed, 4);
      this.#options.send(framed);
      return;
    }
    const transaction = randomBytes(12);
    const attributes: Attribute[] = [
      [ATTRIBUTE.xorPeerAddress, xorAddress(peer, transaction)],
      [ATTRIBUTE.data, datagram],
    ];
    this.#options.send(writeMessage(SEND_INDICATION, transaction, attributes));
  }

  /** Deletes the allocation. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const cancel of this.#cancel.splice(0)) cancel();
    for (const { failed } of [...this.#transactions.values()]) failed(new Error("closed"));
    if (this.#allocated && this.#session)
      this.#options.send(this.#sealed(METHOD.refresh, randomBytes(12), [[ATTRIBUTE.lifetime, number32(0)]]));
  }

  async #refresh(): Promise<void> {
    try {
      await this.#askWithCredentials(METHOD.refresh, () => []);
      for (const ip of this.#permitted) await this.permit(ip);
      for (const channel of this.#channels.all) await this.#bindChannel(channel);
    } catch (error) {
      if (this.#closed) return;
      this.#closed = true;
      for (const cancel of this.#cancel.splice(0)) cancel();
      this.#options.lost?.(reasonOf(error));
    }
  }

  async #bindChannel(channel: Channel): Promise<void> {
    await this.#askWithCredentials(METHOD.channelBind, (transaction) => [
      [ATTRIBUTE.channelNumber, number32(channel.number << 16)],
      [ATTRIBUTE.xorPeerAddress, xorAddress(channel.peer, transaction)],
    ]).then(
      () => {
        channel.bound = true;
      },
      () => {
        // Without the channel, datagrams go as Send indications.
        channel.bound = false;
      },
    );
  }

  /** Asks again with the realm and nonce of an error response (RFC 8489, section 9.2). */
  async #askWithCredentials(
    method: Method,
    attributes: (transaction: Buffer) => readonly Attribute[],
  ): Promise<StunMessage> {
    for (let tries = 0; ; tries++) {
      const answer = await this.#ask(method, attributes);
      if ((answer.type & FAILURE) !== FAILURE) return answer;
      const { code, reason } = readErrorCode(answer);
      const mayRetry = (code === UNAUTHENTICATED && !this.#session) || code === STALE_NONCE;
      if (!mayRetry || tries > 1 || !this.#takeSession(answer)) throw new TurnError(code, reason);
    }
  }

  #takeSession({ attributes }: StunMessage): boolean {
    const { credentials } = this.#options;
    const realm = attributes.get(ATTRIBUTE.realm) ?? this.#session?.realm;
    const nonce = attributes.get(ATTRIBUTE.nonce);
    if (!credentials || !realm || !nonce) return false;
    const { username, credential } = credentials;
    const key = createHash("md5").update(`${username}:${realm.toString()}:${credential}`).digest();
    // Copies: the memory of the datagram may be reused.
    this.#session = { realm: Buffer.from(realm), nonce: Buffer.from(nonce), key };
    return true;
  }

  #sealed(method: Method, transaction: Buffer, attributes: readonly Attribute[]): Buffer {
    const { credentials } = this.#options;
    if (!this.#session || !credentials || method === METHOD.binding)
      return writeMessage(method, transaction, attributes);
    const { realm, nonce, key } = this.#session;
    const own: Attribute[] = [
      [ATTRIBUTE.username, Buffer.from(credentials.username)],
      [ATTRIBUTE.realm, realm],
      [ATTRIBUTE.nonce, nonce],
    ];
    return writeMessage(method, transaction, [...attributes, ...own], key);
  }

  /** Runs one transaction. Rejects if no response comes in time. */
  #ask(method: Method, attributes: (transaction: Buffer) => readonly Attribute[]): Promise<StunMessage> {
    const { clock, timeout, send } = this.#options;
    const transaction = randomBytes(12);
    const request = this.#sealed(method, transaction, attributes(transaction));
    const key = this.#session?.key;
    const name = transaction.toString("latin1");
    const { promise, resolve, reject } = Promise.withResolvers<StunMessage>();
    let waited = 0;
    let stopWaiting: Cancel = () => {};
    const finish = (settle: () => void) => {
      stopWaiting();
      this.#transactions.delete(name);
      settle();
    };
    const attempt = (wait: Millis) => {
      send(request);
      stopWaiting = clock.after(Math.min(wait, timeout - waited), () => {
        waited += wait;
        if (waited < timeout) attempt(2 * wait);
        else finish(() => reject(new Error("no answer")));
      });
    };
    this.#transactions.set(name, {
      answered: (message) => {
        const answersIt = message.type === (method | SUCCESS) || message.type === (method | FAILURE);
        // A forged response is not made with the server's key.
        const isForged = key !== undefined && message.isAuthentic(key) === false;
        if (answersIt && !isForged) finish(() => resolve(message));
      },
      failed: (error) => finish(() => reject(error)),
    });
    attempt(INITIAL_RTO);
    return promise;
  }
}
