/** The page `/embed/NAME`: just the player, for iframes. */
import "../player/define.ts";
import { streamOf } from "../common/route.ts";
import { tokenOf } from "../common/token.ts";

const player = document.querySelector("rendercast-player");
const stream = streamOf(location);
document.title = `${stream} · rendercast`;
const heading = document.getElementById("stream");
if (heading) heading.textContent = stream;
if (player) {
  player.token = tokenOf(location);
  player.src = `/streams/${encodeURIComponent(stream)}`;
}
