/** Players that others wrote, for a page of the test's own: it is bundled there, and finds them in its window. */
import { WebRTCPlayer } from "@eyevinn/webrtc-player";
import { WHEPClient } from "whip-whep/whep.js";

const players = { WebRTCPlayer, WHEPClient };
export type Players = typeof players;

Object.assign(window, players);
