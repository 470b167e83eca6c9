/** The page `/all`: all streams, with live thumbnails. */
import type { StreamInfo } from "../../src/shared/protocol.ts";
import { byId, write } from "../common/dom.ts";
import { bearer, tokenOf } from "../common/token.ts";
import { tokenToView } from "../share/made.ts";
import { Card } from "./card.ts";

const UPDATE_INTERVAL_MS = 2000;
/** A refusal seldom ends, and each one is an error in the browser's console. */
const REFUSED_INTERVAL_MS = 30_000;

const token = tokenOf(location);
const list = byId("cards", HTMLElement);
const cards = new Map<string, Card>();

/** Updates the list, and again after a while. Without a needed token it stops: only another address can help. */
async function update(): Promise<void> {
  if (document.hidden) return updateAfter(UPDATE_INTERVAL_MS);
  const answer = await requestStreams().catch(() => undefined);
  if (answer === undefined) showAway();
  else if ("streams" in answer) show(answer.streams);
  else {
    showRefused(answer);
    if (answer.status === 401 && token === "") return;
    return updateAfter(REFUSED_INTERVAL_MS);
  }
  updateAfter(UPDATE_INTERVAL_MS);
}

/** Rejects if no complete answer arrives. */
async function requestStreams(): Promise<
  { streams: readonly StreamInfo[] } | { status: number; why: string }
> {
  const answer = await fetch("/streams", { headers: bearer(token) });
  return answer.ok ? { streams: await answer.json() } : { status: answer.status, why: await answer.text() };
}

function updateAfter(delay: number): void {
  setTimeout(() => void update(), delay);
}

function showAway(): void {
  setStatus("The server does not answer. Retrying.");
  for (const card of cards.values()) card.away();
}

function showRefused({ status, why }: { status: number; why: string }): void {
  removeExcept(new Set());
  setStatus("");
  const wantsToken = status === 401 || token !== "";
  showMessage(wantsToken ? "These streams need a token" : "The streams are not shown here", why, "");
}

function show(streams: readonly StreamInfo[]): void {
  removeExcept(new Set(streams.map(({ name }) => name)));
  for (const info of streams) {
    const card = cards.get(info.name) ?? addCard(info.name);
    card.show(info);
  }
  setStatus(streams.length === 0 ? "" : streams.length === 1 ? "1 stream" : `${streams.length} streams`);
  byId("message", HTMLElement).hidden = streams.length > 0;
  if (streams.length === 0)
    showMessage(
      "No streams yet",
      "Publish from Blender, or from any program that sends HTTP. On the server's machine no token is needed, unless one is set for publishing:",
      `ffmpeg -re -i any.mp4 -f mpjpeg -q:v 2 ${location.protocol}//localhost${location.port && `:${location.port}`}/streams/film`,
    );
}

/** Removes all other cards. */
function removeExcept(names: ReadonlySet<string>): void {
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.close();
    cards.delete(name);
  }
}

function addCard(name: string): Card {
  const card = new Card(name, tokenToView(name, token));
  cards.set(name, card);
  list.append(card.element);
  return card;
}

function showMessage(title: string, explanation: string, command: string): void {
  const section = byId("message", HTMLElement);
  section.hidden = false;
  const heading = section.querySelector("h2");
  if (heading) heading.textContent = title;
  byId("explanation", HTMLElement).textContent = explanation;
  byId("command", HTMLElement).textContent = command;
  byId("command", HTMLElement).hidden = command === "";
}

function setStatus(text: string): void {
  write(byId("count", HTMLElement), text);
}

void update();
