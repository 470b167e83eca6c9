/** Suites that need programs which not every machine has. */
import { describe, inject } from "vitest";
import { howToAdd, type PartName } from "./plan.ts";

/**
 * A suite that needs these programs, and is handed their paths. Where one is missing it is left out, and says so
 * with the command that adds it; `body` is then only read for its tests, with `""` for the missing paths.
 */
export function describeWith<const Name extends PartName>(
  parts: readonly Name[],
  name: string,
  body: (paths: Readonly<Record<Name, string>>) => void,
): void {
  const found = inject("parts");
  const missing = parts.filter((part) => !found[part]);
  if (missing.length > 0) console.warn(`Left out: ${name}. ${missing.map(howToAdd).join("; ")}`);
  const paths = Object.fromEntries(parts.map((part) => [part, found[part] ?? ""])) as Record<Name, string>;
  describe.skipIf(missing.length > 0)(name, () => body(paths));
}
