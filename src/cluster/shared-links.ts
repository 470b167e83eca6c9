/** Lets joined servers accept each other's share links: they keep one key, and what is revoked, in Redis. */
import { type LinkSigner, type LinkState, type LinkStore, linkState } from "../access/link-signer.ts";
import type { Cancel, Clock, Millis } from "../base/clock.ts";

/** A text that all servers share. Calls reject while Redis does not answer. */
export interface SharedText {
  read(): Promise<string | null>;
  write(text: string): Promise<void>;
}

/** A link that another server revokes ends here within this time. */
const SYNC_INTERVAL: Millis = 2000;

/** Keeps a link signer and the state in Redis the same. */
export class SharedLinks implements LinkStore {
  readonly #signer: LinkSigner;
  readonly #text: SharedText;
  readonly #stopSyncing: Cancel;
  /** Whether all links were revoked here while Redis was away: then its key must not be adopted. */
  #hasRotated = false;

  constructor(signer: LinkSigner, text: SharedText, clock: Clock) {
    this.#signer = signer;
    this.#text = text;
    signer.store = this;
    this.#stopSyncing = clock.every(SYNC_INTERVAL, () => void this.sync());
  }

  /** As {@link LinkStore.keep}. */
  keep(_state: LinkState, rotated: boolean): Promise<boolean> {
    this.#hasRotated ||= rotated;
    return this.sync();
  }

  /** Adopts what other servers stored, and stores what they lack. @returns whether Redis has it all. */
  async sync(): Promise<boolean> {
    try {
      const found = parsed(await this.#text.read());
      const signer = this.#signer;
      if (found && this.#hasRotated && found.rotations >= signer.state.rotations)
        signer.rotate(found.rotations + 1);
      else if (found) signer.adopt(found);
      const text = JSON.stringify(signer.state);
      if (text !== JSON.stringify(found)) await this.#text.write(text);
      this.#hasRotated = false;
      return true;
    } catch {
      return false;
    }
  }

  /** Stops to synchronize. */
  close(): void {
    this.#stopSyncing();
  }
}

function parsed(text: string | null): LinkState | undefined {
  try {
    return linkState.parse(JSON.parse(text ?? ""));
  } catch {
    return undefined;
  }
}
