import { afterEach, expect, test, vi } from "vitest";
import { onNetworkChange } from "../../web/player/webrtc/network.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A browser that tells of its network what the test says. */
function browser(connection?: EventTarget & { type?: string }) {
  const window = new EventTarget();
  vi.stubGlobal("window", window);
  vi.stubGlobal("navigator", connection ? { connection } : {});
  const changed = vi.fn();
  const stop = onNetworkChange(changed);
  return { changed, stop, online: () => window.dispatchEvent(new Event("online")) };
}

test("tells when the device comes online, whatever else the browser knows", () => {
  const { changed, stop, online } = browser();
  online();
  expect(changed).toHaveBeenCalledTimes(1);
  stop();
  online();
  expect(changed).toHaveBeenCalledTimes(1);
});

test("tells of another kind of network, and not of another guess at the speed of the same", () => {
  const connection = Object.assign(new EventTarget(), { type: "wifi" });
  const { changed, stop } = browser(connection);
  const tell = (type: string) => {
    connection.type = type;
    connection.dispatchEvent(new Event("change"));
  };
  tell("wifi");
  expect(changed).not.toHaveBeenCalled();
  tell("cellular");
  tell("cellular");
  expect(changed).toHaveBeenCalledTimes(1);
  tell("wifi");
  expect(changed).toHaveBeenCalledTimes(2);
  stop();
  tell("cellular");
  expect(changed).toHaveBeenCalledTimes(2);
});

test("hears no guesses where the browser does not tell the kind", () => {
  const connection = new EventTarget();
  const { changed } = browser(connection);
  connection.dispatchEvent(new Event("change"));
  expect(changed).not.toHaveBeenCalled();
});
