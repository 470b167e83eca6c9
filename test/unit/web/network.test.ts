import { afterEach, expect, test, vi } from "vitest";
import { onNetworkChange } from "../../../web/player/webrtc/network.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A browser with this network connection. */
function browser(connection?: EventTarget & { type?: string }) {
  const window = new EventTarget();
  vi.stubGlobal("window", window);
  vi.stubGlobal("navigator", connection ? { connection } : {});
  const changed = vi.fn();
  const stop = onNetworkChange(changed);
  return { changed, stop, online: () => window.dispatchEvent(new Event("online")) };
}

test("reports that the device comes online, in any browser", () => {
  const { changed, stop, online } = browser();
  online();
  expect(changed).toHaveBeenCalledTimes(1);
  stop();
  online();
  expect(changed).toHaveBeenCalledTimes(1);
});

test("reports a new kind of network, but not a new estimate of its speed", () => {
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

test("ignores estimates if the browser does not report the kind of network", () => {
  const connection = new EventTarget();
  const { changed } = browser(connection);
  connection.dispatchEvent(new Event("change"));
  expect(changed).not.toHaveBeenCalled();
});
