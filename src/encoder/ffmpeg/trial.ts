/** The process of one trial. Its arguments are codec and hardware; it exits with 0 if the hardware works. */
import { reasonOf } from "../../base/errors.ts";
import { HARDWARE, hardwareEncoder } from "./hardware.ts";
import { tryOut } from "./tryout.ts";

const [, , codec, name] = process.argv;
const hardware = HARDWARE.find((one) => one === name);
try {
  if (!hardware || (codec !== "h264" && codec !== "av1"))
    throw new Error(`unknown codec or hardware: ${codec} ${name}`);
  await tryOut(hardwareEncoder(codec, hardware));
  process.exit(0);
} catch (error) {
  console.log(reasonOf(error));
  process.exit(1);
}
