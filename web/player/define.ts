/** Registers `<rendercast-player>` as a side effect of the import. The entry of the bundle `player.js`. */
import { RendercastPlayer } from "./element.ts";

declare global {
  interface HTMLElementTagNameMap {
    "rendercast-player": RendercastPlayer;
  }
}

if (!customElements.get("rendercast-player")) customElements.define("rendercast-player", RendercastPlayer);

export { RendercastPlayer };
