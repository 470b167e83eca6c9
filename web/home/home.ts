/** All broadcasts, with thumbnails that move while somebody looks. */
import type { StreamInfo } from "../../src/signaling/protocol.ts";
import { byId, write } from "../common/dom.ts";
import { bearer, tokenOf } from "../common/token.ts";
import { tokenToView } from "../share/made.ts";
import { Card } from "./card.ts";

const READ_EVERY = 2000;
/** A refusal seldom ends, and each is an error in the browser's console. */
const REFUSED_FOR = 30_000;

const token = tokenOf(location);
const list = byId("cards", HTMLElement);
const cards = new Map<string, Card>();

/** Reads the list, and again after a while: what is refused for want of a token, not before the page is loaded anew. */
async function read(): Promise<void> {
  if (document.hidden) return again(READ_EVERY);
  const answer = await asked().catch(() => undefined);
  if (answer === undefined) away();
  else if ("streams" in answer) show(answer.streams);
  else {
    refused(answer.why);
    if (answer.status === 401 && token === "") return;
    return again(REFUSED_FOR);
  }
  again(READ_EVERY);
}

/** Rejects where no whole answer comes. */
async function asked(): Promise<{ streams: readonly StreamInfo[] } | { status: number; why: string }> {
  const answer = await fetch("/streams", { headers: bearer(token) });
  return answer.ok ? { streams: await answer.json() } : { status: answer.status, why: await answer.text() };
}

function again(after: number): void {
  setTimeout(() => void read(), after);
}

function away(): void {
  say("The server does not answer: it is tried again.");
  for (const card of cards.values()) card.away();
}

function refused(why: string): void {
  drop(new Set());
  say("");
  nothing("These streams need a token", why, "");
}

function show(streams: readonly StreamInfo[]): void {
  drop(new Set(streams.map(({ name }) => name)));
  for (const info of streams) {
    const card = cards.get(info.name) ?? added(info.name);
    card.show(info);
  }
  say(streams.length === 0 ? "" : streams.length === 1 ? "1 stream" : `${streams.length} streams`);
  byId("nothing", HTMLElement).hidden = streams.length > 0;
  if (streams.length === 0)
    nothing(
      "Nothing is on air",
      "Publish from Blender, or from any program that sends HTTP, and it is here at once. On the server's machine that takes no token:",
      `ffmpeg -re -i any.mp4 -f mpjpeg -q:v 2 ${location.protocol}//localhost${location.port && `:${location.port}`}/streams/film`,
    );
}

/** Takes the cards of all others away. */
function drop(names: ReadonlySet<string>): void {
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.close();
    cards.delete(name);
  }
}

function added(name: string): Card {
  const card = new Card(name, tokenToView(name, token));
  cards.set(name, card);
  list.append(card.element);
  return card;
}

function nothing(title: string, next: string, how: string): void {
  const section = byId("nothing", HTMLElement);
  section.hidden = false;
  const heading = section.querySelector("h2");
  if (heading) heading.textContent = title;
  byId("next", HTMLElement).textContent = next;
  byId("how", HTMLElement).textContent = how;
  byId("how", HTMLElement).hidden = how === "";
}

function say(text: string): void {
  write(byId("count", HTMLElement), text);
}

void read();
