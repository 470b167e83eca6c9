/** What the browser tells of this device's way to the network. */
import type { Cancel } from "../playback/timers.ts";

/** `navigator.connection`, which only Chromium has, and its `type` only where the device tells. */
interface NetworkInformation extends EventTarget {
  readonly type?: string;
}

/** Calls `changed` when the device came online, or went from one kind of network to another. */
export function onNetworkChange(changed: () => void): Cancel {
  const { connection } = navigator as { readonly connection?: NetworkInformation };
  let type = connection?.type;
  // It also tells each new guess at the network's speed.
  const told = () => {
    if (connection?.type === type) return;
    type = connection?.type;
    changed();
  };
  window.addEventListener("online", changed);
  connection?.addEventListener("change", told);
  return () => {
    window.removeEventListener("online", changed);
    connection?.removeEventListener("change", told);
  };
}
