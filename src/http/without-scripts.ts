/**
 * What the pages show without JavaScript. The server writes the address of the stream into their `<noscript>`, which
 * names the stream `main` as built.
 */
import { readFile } from "node:fs/promises";
import type { Response } from "express";

/** Sends a built page of one stream. */
export async function sendPageOf(stream: string, file: string, response: Response): Promise<void> {
  const html = await readFile(file, "utf8");
  sendHtml(
    response,
    html.replaceAll(/<noscript>.*?<\/noscript>/gs, (plain) => plain.replaceAll(/\bmain\b/g, stream)),
  );
}

/** Sends the built page of all streams. */
export async function sendListOf(
  streams: readonly string[],
  file: string,
  response: Response,
): Promise<void> {
  const html = await readFile(file, "utf8");
  const cards = streams.map(
    (name) =>
      `<li><a class="card" href="/watch/${name}"><span class="frame"><img src="/streams/${name}/snapshot.jpg?thumbnail" alt=""></span>` +
      `<span class="title"><span class="name">${name}</span></span></a></li>`,
  );
  sendHtml(response, html.replace("<!-- streams -->", `<ul class="cards">${cards.join("")}</ul>`));
}

/** Names of streams need no escaping: `STREAM_NAME` allows no character that HTML or a path treats specially. */
function sendHtml(response: Response, html: string): void {
  response.set("Cache-Control", "no-cache").type("html").send(html);
}
