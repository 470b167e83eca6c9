/** Who watches, for whoever runs the stream: a table that is read anew while it is open. */
import type { ViewerInfo } from "../../src/signaling/protocol.ts";
import { bearer, tokenTo } from "../common/token.ts";
import { COLUMNS, cellsOf } from "./cells.ts";
import "./viewers.css";

const READ_EVERY = 2000;

/**
 * Shows the overview in a `<details>`, or leaves it hidden where the server does not tell us.
 * @param token as the page was given it.
 */
export async function showViewers(details: HTMLDetailsElement, stream: string, token: string): Promise<void> {
  const operator = await tokenTo("operate", stream, token);
  if (operator === undefined) return;
  const read = async (): Promise<ViewerInfo[] | undefined> => {
    const path = `/streams/${encodeURIComponent(stream)}/viewers`;
    const answer = await fetch(path, { headers: bearer(operator) }).catch(() => undefined);
    return answer?.ok ? answer.json() : undefined;
  };
  const body = details.querySelector("section");
  // On a phone it scrolls sideways, also for who has a keyboard alone.
  if (body) body.tabIndex = 0;
  details.hidden = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  const redraw = async () => {
    const viewers = await read();
    body?.replaceChildren(viewers ? tableOf(viewers) : sentence("The server does not tell now who watches."));
  };
  details.addEventListener("toggle", () => {
    clearInterval(timer);
    if (!details.open) return;
    void redraw();
    timer = setInterval(() => {
      if (!document.hidden) void redraw();
    }, READ_EVERY);
  });
}

function tableOf(viewers: readonly ViewerInfo[]): HTMLElement {
  if (viewers.length === 0) return sentence("Nobody watches.");
  const table = document.createElement("table");
  const header = table.createTHead().insertRow();
  for (const [textContent, title] of COLUMNS)
    header.append(Object.assign(document.createElement("th"), { textContent, title, scope: "col" }));
  const body = table.createTBody();
  const now = Date.now();
  for (const viewer of viewers) {
    const row = body.insertRow();
    for (const text of cellsOf(viewer, now)) row.insertCell().textContent = text;
  }
  return table;
}

function sentence(textContent: string): HTMLElement {
  return Object.assign(document.createElement("p"), { className: "empty", textContent });
}
