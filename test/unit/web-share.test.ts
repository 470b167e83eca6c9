import { expect, test } from "vitest";
import { movedTo, offersOf, ownLinks } from "../../web/share/links.ts";

const page = { origin: "https://studio.example" };

test("links made by hand have the token behind the '#' where the page is, and in the query of a picture", () => {
  expect(ownLinks(page, "main", "")).toEqual({
    page: "https://studio.example/watch/main",
    image: "https://studio.example/streams/main/mjpeg",
  });
  expect(ownLinks(page, "main", "abc")).toEqual({
    page: "https://studio.example/watch/main#token=abc",
    image: "https://studio.example/streams/main/mjpeg?token=abc",
    token: "abc",
  });
});

test("links move to the address that others reach, and keep what stands behind it", () => {
  const links = ownLinks({ origin: "http://localhost:8080" }, "a.b", "abc");
  expect(movedTo(links, "http://[2001:db8::7]:8080")).toEqual({
    page: "http://[2001:db8::7]:8080/watch/a.b#token=abc",
    image: "http://[2001:db8::7]:8080/streams/a.b/mjpeg?token=abc",
    token: "abc",
  });
});

test("each way to show the stream names the server, the stream and the token", () => {
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
