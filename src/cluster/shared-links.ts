/** Joined servers take each other's links: they sign with one key, which is in Redis, and learn there what is revoked. */
import { type LinkSigner, type LinkState, type LinkStore, linkState } from "../access/link-signer.ts";
import type { Cancel, Clock, Millis } from "../base/clock.ts";

/** One text that all servers share. Each call rejects while Redis does not answer. */
export interface SharedText {
  read(): Promise<string | null>;
  write(text: string): Promise<void>;
}

/** What another server revokes ends here so soon. */
const LOOK_EVERY: Millis = 2000;

/** Keeps a signer and the shared state alike. */
export class SharedLinks implements LinkStore {
  readonly #signer: LinkSigner;
  readonly #text: SharedText;
  readonly #stopLooking: Cancel;
  /** All links were revoked here while Redis was away: its key is not to be taken over. */
  #hasRotated = false;

  constructor(signer: LinkSigner, text: SharedText, clock: Clock) {
    this.#signer = signer;
    this.#text = text;
    signer.store = this;
    this.#stopLooking = clock.every(LOOK_EVERY, () => void this.look());
  }

  keep(_state: LinkState, rotated: boolean): Promise<boolean> {
    this.#hasRotated ||= rotated;
    return this.look();
  }

  /** Takes over what others have stored, and stores what they do not know. Returns whether Redis has all of it. */
  async look(): Promise<boolean> {
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

  close(): void {
    this.#stopLooking();
  }
}

function parsed(text: string | null): LinkState | undefined {
  try {
    return linkState.parse(JSON.parse(text ?? ""));
  } catch {
    return undefined;
  }
}
