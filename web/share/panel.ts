/** The Share panel: a dialog with a QR code, and what to copy. */
import { renderSVG } from "uqr";
import { bearer } from "../token.ts";
import { type Offer, offersOf, ownLinks, type ShareLinks } from "./links.ts";
import "./share.css";

/** How long a button says that it has copied. */
const SAYS_SO: number = 2000;

/** Shows the panel for a stream, until it is closed. */
export async function openShare(stream: string, token: string): Promise<void> {
  const links = await linksOf(stream, token);
  const dialog = document.createElement("dialog");
  dialog.className = "share";
  dialog.setAttribute("aria-labelledby", "share-title");
  const title = Object.assign(document.createElement("h2"), {
    id: "share-title",
    textContent: `Share ${stream}`,
  });
  const close = Object.assign(document.createElement("button"), { className: "close", textContent: "Close" });
  close.addEventListener("click", () => dialog.close());
  const head = document.createElement("div");
  head.className = "head";
  head.append(title, close);
  const code = document.createElement("div");
  code.className = "code";
  code.innerHTML = renderSVG(links.page, { border: 2 });
  code.firstElementChild?.setAttribute("role", "img");
  code.firstElementChild?.setAttribute("aria-label", "QR code of the link");
  const notes = notesOf(links).map((text) =>
    Object.assign(document.createElement("p"), { className: "note", textContent: text }),
  );
  const side = document.createElement("div");
  side.className = "side";
  side.append(code, ...notes);
  const offers = document.createElement("div");
  offers.className = "offers";
  offers.append(...offersOf(links, stream).map(offer));
  const body = document.createElement("div");
  body.className = "body";
  body.append(side, offers);
  dialog.append(head, body);
  dialog.addEventListener("close", () => dialog.remove());
  // A click beside it.
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

/** As the server makes them, with a token for a day where viewers need one; by hand where it makes none for us. */
async function linksOf(stream: string, token: string): Promise<ShareLinks> {
  const path = `/streams/${encodeURIComponent(stream)}/share`;
  const made = await fetch(path, { method: "POST", headers: bearer(token) }).catch(() => undefined);
  return made?.ok ? await made.json() : ownLinks(location, stream, token);
}

function notesOf({ page, expires }: ShareLinks): string[] {
  const { hostname } = new URL(page);
  const notes = ["Scan it with a phone."];
  if (hostname === "localhost" || hostname === "127.0.0.1" || hostname === "[::1]")
    notes.splice(
      0,
      1,
      "This address is good on this machine alone: open the page by the machine's address to share it.",
    );
  if (expires !== undefined) notes.push(`Good until ${new Date(expires).toLocaleString()}.`);
  return notes;
}

function offer({ label, about, text }: Offer): HTMLElement {
  const section = document.createElement("section");
  const heading = Object.assign(document.createElement("h3"), { textContent: label });
  const copy = Object.assign(document.createElement("button"), { textContent: "Copy" });
  copy.setAttribute("aria-label", `Copy: ${label}`);
  const code = Object.assign(document.createElement("textarea"), {
    readOnly: true,
    value: text,
    spellcheck: false,
  });
  code.rows = Math.min(
    5,
    text.split("\n").reduce((rows, line) => rows + Math.ceil(line.length / 58), 0),
  );
  code.setAttribute("aria-label", label);
  code.addEventListener("focus", () => code.select());
  copy.addEventListener("click", () => {
    void copied(code).then((done) => {
      copy.textContent = done ? "Copied" : "Press Ctrl-C";
      setTimeout(() => {
        copy.textContent = "Copy";
      }, SAYS_SO);
    });
  });
  const head = document.createElement("div");
  head.className = "head";
  head.append(heading, copy);
  const detail = Object.assign(document.createElement("p"), { className: "note", textContent: about });
  section.append(head, detail, code);
  return section;
}

/** Without TLS a page may not reach the clipboard by itself: then the text is marked, to be copied by hand. */
async function copied(code: HTMLTextAreaElement): Promise<boolean> {
  code.focus();
  code.select();
  try {
    await navigator.clipboard.writeText(code.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
