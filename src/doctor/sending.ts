/** Checks whether this machine sends media by native calls, which cost much less CPU than plain Node. */
import { reasonOf } from "../base/errors.ts";
import { loadNativeIo } from "../transport/io/native/native.ts";
import type { Finding } from "./check.ts";

/** Loads the native functions, as the server does. Undefined on systems that have none. */
export async function checkSending(): Promise<Finding | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    const { segmentation } = await loadNativeIo();
    if (segmentation) return { state: "good", text: "by native calls, many datagrams at a time" };
    return { state: "note", text: "by native calls; the kernel does not cut messages into datagrams" };
  } catch (error) {
    const [why = ""] = reasonOf(error).split("\n");
    const what = /koffi/.test(why) ? "the optional package koffi is not installed" : why;
    return { state: "note", text: `by plain Node, which costs more CPU for each viewer: ${what}` };
  }
}
