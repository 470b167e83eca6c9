/** The Share panel: a dialog with a QR code, and what to copy. */
import { renderSVG } from "uqr";
import { copied, howToCopy } from "../common/copy.ts";
import { element } from "../common/dom.ts";
import { rightsTo, tokenTo } from "../common/token.ts";
import { movedTo, notesOf, type Offer, offersOf, ownLinks, type ShareLinks } from "./links.ts";
import { madeLinks } from "./made.ts";
import "./share.css";

/** How long a button says that it has copied. */
const SAYS_SO = 2000;

/** Where the style sheet has all below each other, in pixels. */
const NARROW = 640;

/**
 * Shows the panel for a stream, until it is closed.
 * @param canControl whether viewers can turn the stream's camera.
 */
export async function openShare(stream: string, token: string, canControl: boolean): Promise<void> {
  const links = await linksOf(stream, token);
  const operator = canControl ? await tokenTo("operate", stream, token) : undefined;
  const dialog = element("dialog", "share");
  dialog.setAttribute("aria-labelledby", "share-title");
  const title = Object.assign(element("h2"), { id: "share-title", textContent: `Share ${stream}` });
  const close = element("button", "", "Close");
  close.addEventListener("click", () => dialog.close());
  const head = element("div", "head");
  head.append(title, close);
  const spoken = Object.assign(element("p", "spoken"), { role: "status" });
  const body = element("div", "body");
  const show = (chosen: ShareLinks) => {
    const offers = element("div", "offers");
    offers.append(...offersOf(chosen, stream).map((offer) => sectionOf(offer, spoken)));
    body.replaceChildren(sideOf(chosen), offers);
  };
  // Of the links that are shown: those to control have another token.
  const choices = element("div");
  const offer = (made: ShareLinks) => {
    const { alternatives = [] } = made;
    choices.replaceChildren(...(alternatives.length > 0 ? [chooser(made, alternatives, show)] : []));
    show(made);
  };
  offer(links);
  const more = operator === undefined ? [] : [controlBox(stream, operator, links, offer)];
  dialog.append(head, choices, ...more, body, spoken);
  dialog.addEventListener("close", () => dialog.remove());
  // A click beside it.
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

/** As the server makes them, with a token for a day where viewers need one; by hand where it makes none. */
async function linksOf(stream: string, token: string): Promise<ShareLinks> {
  const maker = await tokenTo("share", stream, token);
  const made = maker === undefined ? undefined : await madeLinks(stream, maker);
  if (made) return made;
  // A token that opens nothing here opens nothing elsewhere.
  const isGood = (await rightsTo(stream, token)).includes("view");
  return { ...ownLinks(location, stream, isGood ? token : ""), closed: !isGood };
}

/** Which of the server's addresses the links have: only the user knows which network the others are on. */
function chooser(
  links: ShareLinks,
  alternatives: readonly string[],
  show: (links: ShareLinks) => void,
): HTMLElement {
  const label = element("label", "origins", "Address ");
  const choice = element("select");
  for (const link of [links.link, ...alternatives]) choice.append(new Option(new URL(link).origin, link));
  choice.addEventListener("change", () => show(movedTo(links, choice.value)));
  label.append(choice);
  return label;
}

/** Makes the links ones by which others also turn the camera, while it is ticked. */
function controlBox(
  stream: string,
  operator: string,
  links: ShareLinks,
  offer: (made: ShareLinks) => void,
): HTMLElement {
  const label = element("label", "origins");
  const box = Object.assign(element("input"), { type: "checkbox", id: "share-control" });
  label.append(box, "Whoever has the link may turn the view");
  let toControl: ShareLinks | undefined;
  box.addEventListener("change", async () => {
    if (box.checked) toControl ??= await madeLinks(stream, operator, true);
    // A link that could not be made must not look as if it were one.
    if (!toControl) box.checked = false;
    offer(box.checked && toControl ? toControl : links);
  });
  return label;
}

function sideOf(links: ShareLinks): HTMLElement {
  const code = element("div", "code");
  code.innerHTML = renderSVG(links.link, { border: 2 });
  const picture = code.firstElementChild;
  picture?.setAttribute("role", "img");
  picture?.setAttribute("aria-label", "QR code of the link");
  const side = element("div", "side");
  side.append(code, ...notesOf(links, (at) => at.toLocaleString()).map((text) => element("p", "note", text)));
  return side;
}

/** @param spoken tells who cannot see the button. */
function sectionOf({ label, about, text }: Offer, spoken: HTMLElement): HTMLElement {
  const copy = element("button", "", "Copy");
  copy.setAttribute("aria-label", `Copy: ${label}`);
  const code = Object.assign(element("textarea"), { readOnly: true, value: text, spellcheck: false });
  code.rows = rowsOf(text, innerWidth < NARROW ? 32 : 58);
  code.setAttribute("aria-label", label);
  copy.addEventListener("click", async () => {
    const done = await copied(code);
    copy.textContent = done ? "Copied" : howToCopy();
    copy.toggleAttribute("data-done", done);
    spoken.textContent = done ? `${label}: copied` : `${label} is selected. ${howToCopy()}`;
    setTimeout(() => {
      copy.textContent = "Copy";
      copy.toggleAttribute("data-done", false);
      spoken.textContent = "";
    }, SAYS_SO);
  });
  const head = element("div", "head");
  head.append(element("h3", "", label), copy);
  const section = element("section");
  section.append(head, element("p", "note", about), code);
  return section;
}

/** For browsers that do not fit a field to its text by themselves. */
function rowsOf(text: string, columns: number): number {
  return text.split("\n").reduce((rows, line) => rows + Math.ceil(line.length / columns), 0);
}
