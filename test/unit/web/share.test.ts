import { expect, test } from "vitest";
import { movedTo, notesOf, offersOf, ownLinks } from "../../../web/share/links.ts";

const page = { origin: "https://studio.example" };

test("ownLinks puts the token behind the '#' of the page's link, and into the query of the picture's", () => {
  expect(ownLinks(page, "main", "")).toEqual({
    link: "https://studio.example/watch/main",
    image: "https://studio.example/streams/main/mjpeg",
  });
  expect(ownLinks(page, "main", "abc")).toEqual({
    link: "https://studio.example/watch/main#token=abc",
    image: "https://studio.example/streams/main/mjpeg?token=abc",
    token: "abc",
  });
});

test("movedTo changes the address of both links, and keeps their path and token", () => {
  const links = ownLinks({ origin: "http://localhost:8080" }, "a.b", "abc");
  expect(movedTo(links, "http://[2001:db8::7]:8080/watch/a.b#token=abc")).toEqual({
    link: "http://[2001:db8::7]:8080/watch/a.b#token=abc",
    image: "http://[2001:db8::7]:8080/streams/a.b/mjpeg?token=abc",
    token: "abc",
  });
});

test("each snippet that shows the stream names the server, the stream and the token", () => {
  const offers = offersOf(ownLinks(page, "arm", "abc"), "arm");
  expect(offers.map(({ text }) => text)).toEqual([
    "https://studio.example/watch/arm#token=abc",
    `<script type="module" src="https://studio.example/player.js"></script>\n` +
      `<rendercast-player src="https://studio.example/streams/arm" token="abc"></rendercast-player>`,
    expect.stringContaining(`src="https://studio.example/embed/arm#token=abc"`),
    `<img src="https://studio.example/streams/arm/mjpeg?token=abc" alt="arm, live">`,
  ]);
  for (const { text } of offersOf(ownLinks(page, "arm", ""), "arm")) expect(text).not.toContain("token");
});

test("ownLinks reads when a signed token expires", () => {
  const token = `e30.${btoa(JSON.stringify({ exp: 1_795_370_000 })).replace(/=+$/, "")}.x`;
  expect(ownLinks(page, "main", token).expires).toBe(new Date(1_795_370_000_000).toISOString());
});

test("the notes say who can reach the link's address, and how long it is valid", () => {
  const notes = (origin: string, more: object = {}) =>
    notesOf({ ...ownLinks({ origin }, "main", ""), ...more }, (at) => at.toISOString());
  expect(notes("http://localhost:8080")).toEqual([expect.stringContaining("ask whoever runs the server")]);
  expect(notes("http://localhost:8080", { alternatives: [] })).toEqual([
    expect.stringContaining("the server listens here only"),
  ]);
  expect(notes("http://127.0.0.1", { alternatives: ["http://192.0.2.1/watch/main"] })).toEqual([
    expect.stringContaining("choose another"),
  ]);
  expect(notes("http://192.0.2.1:8080")).toEqual(["Scan it with a phone in the same network."]);
  expect(notes("https://studio.example", { expires: "2026-11-24T06:40:00.000Z" })).toEqual([
    "Scan it with a phone.",
    "Good until 2026-11-24T06:40:00.000Z.",
  ]);
  expect(notes("https://studio.example", { closed: true })[1]).toMatch(/takes a token.*ask whoever runs/);
});
