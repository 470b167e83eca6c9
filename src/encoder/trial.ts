/** The process that tries one kind of hardware, named as its argument: it ends with 0 where that works. */
import { HARDWARE, hardwareEncoder } from "./hardware.ts";
import { tryOut } from "./tryout.ts";

const hardware = HARDWARE.find((name) => name === process.argv[2]);
try {
  if (!hardware) throw new Error(`no such hardware: ${process.argv[2]}`);
  await tryOut(hardwareEncoder(hardware));
  process.exit(0);
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
  process.exit(1);
}
