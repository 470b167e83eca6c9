/** Registers `<rendercast-player>`; import it for that effect. Built alone it is `player.js`. */
import { RendercastPlayer } from "./element.ts";

declare global {
  interface HTMLElementTagNameMap {
    "rendercast-player": RendercastPlayer;
  }
}

if (!customElements.get("rendercast-player")) customElements.define("rendercast-player", RendercastPlayer);

export { RendercastPlayer };
