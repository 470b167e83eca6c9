/** The table of viewers, for the operator of the stream. It is updated while it is open. */
import type { ViewerInfo } from "../../src/shared/protocol.ts";
import { element } from "../common/dom.ts";
import { bearer, tokenTo } from "../common/token.ts";
import { COLUMNS, cellsOf } from "./cells.ts";
import "./viewers.css";

const UPDATE_INTERVAL_MS = 2000;

/**
 * Shows the table in a `<details>`, or leaves it hidden if this browser may not see the viewers.
 * @param token the token in the page's address.
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
  // It scrolls sideways on a phone, so the keyboard must reach it.
  if (body) body.tabIndex = 0;
  details.hidden = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  const redraw = async () => {
    const viewers = await read();
    body?.replaceChildren(viewers ? tableOf(viewers) : sentence("Couldn't load viewers."));
  };
  details.addEventListener("toggle", () => {
    clearInterval(timer);
    if (!details.open) return;
    void redraw();
    timer = setInterval(() => {
      if (!document.hidden) void redraw();
    }, UPDATE_INTERVAL_MS);
  });
}

function tableOf(viewers: readonly ViewerInfo[]): HTMLElement {
  if (viewers.length === 0) return sentence("No viewers.");
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
  return element("p", "empty", textContent);
}
