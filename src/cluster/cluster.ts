/**
 * Servers behind one address that know of each other's streams. Each says each second that it is there and what it has,
 * and is forgotten where it has said nothing for some. Video goes from the server that has the stream straight to the
 * viewer; what is passed on between servers is how the two meet (decision 0018).
 */

import type { Cancel, EpochMs, Millis } from "../base/clock.ts";
import type { Claim } from "../broadcast/directory.ts";
import { plainAddress } from "../network/ip.ts";
import type { StreamInfo } from "../shared/protocol.ts";
import { Asks } from "./asks.ts";
import { Hosted, type HostedOptions } from "./hosted.ts";
import { MAX_STREAMS_TOLD, type Message, message, type Wire } from "./messages.ts";
import { type Peer, RemoteStream } from "./remote-stream.ts";

/** What changed is told at once, or so soon. */
const LOOK_EVERY: Millis = 250;
const TELL_EVERY: Millis = 1000;
/** Who has said nothing for so long is gone. */
const LEASE: Millis = 5000;
/** More servers than stand behind one address. */
const MAX_PEERS = 64;

export interface ClusterOptions extends Omit<HostedOptions, "ended"> {
  /** This server's name among the others, which nobody guesses. */
  readonly self: string;
  /** Where others reach it by HTTP. */
  readonly url: string;
  /** Others sign with it what they pass on to this server. */
  readonly key: string;
  readonly wire: Wire;
  /** The streams that it has itself. */
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

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #peers = new Map<string, Known>();
  readonly #asks: Asks;
  readonly #hosted: Hosted;
  readonly #stopLooking: Cancel;
  #told: { readonly at: EpochMs; readonly what: string } | undefined;

  constructor(options: ClusterOptions) {
    const { clock, wire, self } = options;
    this.#options = options;
    this.#asks = new Asks(clock, wire, self);
    const ended: HostedOptions["ended"] = (to, session, reason) =>
      wire.send({ kind: "ended", from: self, to, session, reason });
    this.#hosted = new Hosted({ ...options, ended });
    wire.listen((heard) => this.#hear(heard));
    this.#stopLooking = clock.every(LOOK_EVERY, () => this.#look());
    this.#look();
  }

  /** The stream of that name at another server, where a publisher is rather than where one was. */
  find(name: string): RemoteStream | undefined {
    const found = [...this.#peers.values()].flatMap(({ streams }) => streams.get(name) ?? []);
    return found.find(({ claim }) => claim === "now") ?? found[0];
  }

  all(): RemoteStream[] {
    return [...new Set([...this.#peers.values()].flatMap(({ streams }) => [...streams.keys()]))].flatMap(
      (name) => this.find(name) ?? [],
    );
  }

  /** Whether one of the servers says that it has that IP address. */
  isAt(address: string): boolean {
    const ip = plainAddress(address);
    return [...this.#peers.values()].some(({ url }) => plainAddress(new URL(url).hostname) === ip);
  }

  close(): void {
    this.#stopLooking();
    this.#options.wire.send({ kind: "gone", from: this.#options.self });
    this.#hosted.close();
    for (const id of [...this.#peers.keys()]) this.#lose(id, "the server stops");
  }

  #look(): void {
    const { clock, wire } = this.#options;
    const now = clock.now();
    // While nobody can be heard, nobody is gone for that.
    if (!wire.connected) for (const peer of this.#peers.values()) peer.heardAt = now;
    for (const [id, { heardAt }] of this.#peers)
      if (now - heardAt > LEASE) this.#lose(id, "the server that had the stream is gone");
    const streams = this.#options.own();
    const what = JSON.stringify(streams.map(({ info, claim }) => [info.name, info.state, claim]));
    if (this.#told && now - this.#told.at < TELL_EVERY && what === this.#told.what) return;
    this.#told = { at: now, what };
    this.#tell(streams);
  }

  #tell(streams: ReturnType<ClusterOptions["own"]>): void {
    const { clock, wire, self, url, key } = this.#options;
    if (!wire.connected) return;
    const told = streams.slice(0, MAX_STREAMS_TOLD);
    wire.send({ kind: "here", from: self, url, key, now: clock.now(), streams: told });
  }

  #hear(heard: unknown): void {
    const { self } = this.#options;
    const parsed = message.safeParse(heard);
    if (!parsed.success || parsed.data.from === self) return;
    const told = parsed.data;
    const { from } = told;
    if ("to" in told && told.to !== self) return;
    if (told.kind === "here") this.#here(told);
    else if (told.kind === "gone") this.#lose(from, "the server that had the stream stops");
    else if (told.kind === "ask") void this.#answer(told);
    else if (told.kind === "answer") this.#asks.answered(from, told.number, told.reply);
    else if (told.kind === "ended") this.#ended(from, told.session, told.reason);
    else if (told.kind === "latency") this.#hosted.latency(from, told.session, told.milliseconds);
    else this.#hosted[told.kind](from, told.session);
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
      if (stream) stream.told(info, claim);
      else peer.streams.set(info.name, new RemoteStream(peer, info, claim));
    }
    // Who comes need not wait for what is told each second.
    if (!known) this.#tell(this.#options.own());
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
      tell: (news) => wire.send({ ...news, from: self, to: id }),
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

  #lose(id: string, reason: string): void {
    const peer = this.#peers.get(id);
    this.#hosted.lost(id);
    this.#asks.lost(id);
    if (!peer) return;
    this.#peers.delete(id);
    this.#options.log(`The server at ${peer.url} is gone.`);
    for (const session of [...peer.sessions.keys()]) {
      const gone = peer.sessions.get(session);
      peer.sessions.delete(session);
      gone?.(reason);
    }
  }
}
