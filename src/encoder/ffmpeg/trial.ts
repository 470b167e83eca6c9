/** The process that tries one kind of hardware, as its arguments name codec and kind: it ends with 0 where that works. */
import { reasonOf } from "../../base/errors.ts";
import { HARDWARE, hardwareEncoder } from "./hardware.ts";
import { tryOut } from "./tryout.ts";

const [, , codec, name] = process.argv;
const hardware = HARDWARE.find((one) => one === name);
try {
  if (!hardware || (codec !== "h264" && codec !== "av1"))
    throw new Error(`no such hardware: ${codec} ${name}`);
  await tryOut(hardwareEncoder(codec, hardware));
  process.exit(0);
} catch (error) {
  console.log(reasonOf(error));
  process.exit(1);
}
