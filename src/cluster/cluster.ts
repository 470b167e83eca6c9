/**
 * Servers behind one address that show each other's streams. Each announces itself and its streams every second; signaling
 * is relayed between servers, and video goes straight from the stream's server to the viewer (decision 0018).
 */

import type { Cancel, EpochMs, Millis } from "../base/clock.ts";
import type { LogLevel } from "../base/log.ts";
import type { Claim } from "../broadcast/directory.ts";
import { plainAddress } from "../network/ip.ts";
import type { StreamInfo } from "../shared/protocol.ts";
import { Asks } from "./asks.ts";
import { Hosted, type HostedOptions } from "./hosted.ts";
import { MAX_ANNOUNCED_STREAMS, type Message, message, type Wire } from "./messages.ts";
import { type Peer, RemoteStream } from "./remote-stream.ts";

/** How often the streams are compared with the last announcement. */
const CHECK_INTERVAL: Millis = 250;
/** How often a server announces itself without a change. */
const ANNOUNCE_INTERVAL: Millis = 1000;
/** A server that is silent for this long is gone. */
const LEASE: Millis = 5000;
/** More servers than one address has behind it. */
const MAX_PEERS = 64;

/** What {@link Cluster} needs of this server. */
export interface ClusterOptions extends Omit<HostedOptions, "ended"> {
  /** This server's id, a random one: nobody may guess it. */
  readonly self: string;
  /** The URL by which other servers reach it. */
  readonly url: string;
  /** Other servers sign the requests with it that they pass on to this one. */
  readonly key: string;
  readonly wire: Wire;
  /** The streams of this server that have a claim. */
  readonly own: () => readonly { readonly info: StreamInfo; readonly claim: Claim }[];
}

interface Known extends Peer {
  url: string;
  key: string;
  heardAt: EpochMs;
  /** How far its clock is ahead of this server's. */
  ahead: Millis;
  readonly streams: Map<string, RemoteStream>;
}

/** The servers that this one is joined with. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #peers = new Map<string, Known>();
  readonly #asks: Asks;
  readonly #hosted: Hosted;
  readonly #stopChecking: Cancel;
  #announced: { readonly at: EpochMs; readonly what: string } | undefined;

  constructor(options: ClusterOptions) {
    const { clock, wire, self } = options;
    this.#options = options;
    this.#asks = new Asks(clock, wire, self);
    const ended: HostedOptions["ended"] = (to, session, reason) =>
      wire.send({ kind: "ended", from: self, to, session, reason });
    this.#hosted = new Hosted({ ...options, ended });
    wire.listen((heard) => this.#hear(heard));
    this.#stopChecking = clock.every(CHECK_INTERVAL, () => this.#check());
    this.#check();
  }

  /** The stream of this name at another server, preferably one that has a publisher now. */
  find(name: string): RemoteStream | undefined {
    const found = [...this.#peers.values()].flatMap(({ streams }) => streams.get(name) ?? []);
    return found.find(({ claim }) => claim === "now") ?? found[0];
  }

  /** The streams of all other servers, one for each name. */
  all(): RemoteStream[] {
    return [...new Set([...this.#peers.values()].flatMap(({ streams }) => [...streams.keys()]))].flatMap(
      (name) => this.find(name) ?? [],
    );
  }

  /** How many other servers there are. */
  get size(): number {
    return this.#peers.size;
  }

  /** Whether one of the servers has announced this IP address. */
  isAt(address: string): boolean {
    const ip = plainAddress(address);
    return [...this.#peers.values()].some(({ url }) => plainAddress(new URL(url).hostname) === ip);
  }

  /** Says goodbye, and ends the viewers of other servers here and of this server there. */
  close(): void {
    this.#stopChecking();
    this.#options.wire.send({ kind: "gone", from: this.#options.self });
    this.#hosted.close();
    for (const id of [...this.#peers.keys()]) this.#lose(id, "the server stops");
  }

  #check(): void {
    const { clock, wire } = this.#options;
    const now = clock.now();
    // Without Redis nobody is heard, so silence does not mean that a server is gone.
    if (!wire.connected) for (const peer of this.#peers.values()) peer.heardAt = now;
    for (const [id, { heardAt }] of this.#peers)
      if (now - heardAt > LEASE) this.#lose(id, "the server with the stream is gone", "warn");
    const streams = this.#options.own();
    const what = JSON.stringify(streams.map(({ info, claim }) => [info.name, info.state, claim]));
    if (this.#announced && now - this.#announced.at < ANNOUNCE_INTERVAL && what === this.#announced.what)
      return;
    this.#announced = { at: now, what };
    this.#announce(streams);
  }

  #announce(streams: ReturnType<ClusterOptions["own"]>): void {
    const { clock, wire, self, url, key } = this.#options;
    if (!wire.connected) return;
    const announced = streams.slice(0, MAX_ANNOUNCED_STREAMS);
    wire.send({ kind: "here", from: self, url, key, now: clock.now(), streams: announced });
  }

  #hear(heard: unknown): void {
    const { self } = this.#options;
    const parsed = message.safeParse(heard);
    if (!parsed.success || parsed.data.from === self) return;
    const received = parsed.data;
    const { from } = received;
    if ("to" in received && received.to !== self) return;
    if (received.kind === "here") this.#here(received);
    else if (received.kind === "gone") this.#lose(from, "the server with the stream stops");
    else if (received.kind === "ask") void this.#answer(received);
    else if (received.kind === "answer") this.#asks.answered(from, received.number, received.reply);
    else if (received.kind === "ended") this.#ended(from, received.session, received.reason);
    else if (received.kind === "latency") this.#hosted.latency(from, received.session, received.milliseconds);
    else this.#hosted[received.kind](from, received.session);
  }

  async #answer({ from: to, number, request }: Extract<Message, { readonly kind: "ask" }>): Promise<void> {
    const reply = await this.#hosted.answer(to, request);
    this.#options.wire.send({ kind: "answer", from: this.#options.self, to, number, reply });
  }

  #here({ from, url, key, now, streams }: Extract<Message, { readonly kind: "here" }>): void {
    const known = this.#peers.get(from);
    const peer = known ?? this.#meet(from, url, key);
    if (!peer) return;
    peer.heardAt = this.#options.clock.now();
    Object.assign(peer, { url, key, ahead: now - peer.heardAt });
    const names = new Set(streams.map(({ info }) => info.name));
    for (const name of [...peer.streams.keys()]) if (!names.has(name)) peer.streams.delete(name);
    for (const { info, claim } of streams) {
      const stream = peer.streams.get(info.name);
      if (stream) stream.update(info, claim);
      else peer.streams.set(info.name, new RemoteStream(peer, info, claim));
    }
    // A new server need not wait for the next announcement.
    if (!known) this.#announce(this.#options.own());
  }

  #meet(id: string, url: string, key: string): Known | undefined {
    if (this.#peers.size >= MAX_PEERS) return undefined;
    const { clock, wire, self, log } = this.#options;
    const peer: Known = {
      id,
      url,
      key,
      heardAt: clock.now(),
      ahead: 0,
      now: () => (clock.now() + peer.ahead) as EpochMs,
      streams: new Map(),
      sessions: new Map(),
      ask: (request) => this.#asks.ask(id, request),
      tell: (about) => wire.send({ ...about, from: self, to: id }),
    };
    this.#peers.set(id, peer);
    log(`Joined with the server at ${url}.`);
    return peer;
  }

  #ended(server: string, session: string, reason: string): void {
    const sessions = this.#peers.get(server)?.sessions;
    const gone = sessions?.get(session);
    sessions?.delete(session);
    gone?.(reason);
  }

  #lose(id: string, reason: string, level: LogLevel = "info"): void {
    const peer = this.#peers.get(id);
    this.#hosted.lost(id);
    this.#asks.lost(id);
    if (!peer) return;
    this.#peers.delete(id);
    this.#options.log(`The server at ${peer.url} is gone.`, { level });
    for (const session of [...peer.sessions.keys()]) {
      const gone = peer.sessions.get(session);
      peer.sessions.delete(session);
      gone?.(reason);
    }
  }
}
