/** Detects that this device has changed its network. */
import type { Cancel } from "../playback/timers.ts";

/** `navigator.connection`: Chromium only, and `type` on some devices only. */
interface NetworkInformation extends EventTarget {
  readonly type?: string;
}

/** Calls `changed` when the device comes online, or changes to another kind of network. */
export function onNetworkChange(changed: () => void): Cancel {
  const { connection } = navigator as { readonly connection?: NetworkInformation };
  let type = connection?.type;
  // The event also reports each new estimate of the network's speed.
  const typeChanged = () => {
    if (connection?.type === type) return;
    type = connection?.type;
    changed();
  };
  window.addEventListener("online", changed);
  connection?.addEventListener("change", typeChanged);
  return () => {
    window.removeEventListener("online", changed);
    connection?.removeEventListener("change", typeChanged);
  };
}
