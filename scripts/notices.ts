/** The notices of bundled packages. */

/** A bundled package, as Vite describes it. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** An SPDX identifier; null if its package.json has none. */
  readonly identifier: string | null;
  /** The text of its license file. */
  readonly text: string | null;
}

/** Licenses whose code may be part of an MIT bundle if the notice goes with it. */
const PERMISSIVE = ["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD", "Unlicense"];

/** License texts of packages that ship none; their package.json or README names the license. */
const TERMS_WITHOUT_TEXT = ["MIT"];

/**
 * The text of the notices, each package once.
 * @throws if a license is not permissive or has no text.
 */
export function noticesOf(packages: readonly Package[]): string {
  const byName = new Map(packages.map((one) => [`${one.name} ${one.version}`, one]));
  const sorted = [...byName.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  const sections = sorted.map(([name, { identifier, text }]) => {
    if (identifier === null || !PERMISSIVE.includes(identifier))
      throw new Error(`${name} is licensed ${identifier}: it must not become part of a bundle.`);
    if (text === null && !TERMS_WITHOUT_TEXT.includes(identifier))
      throw new Error(`${name} has no license text: add it to scripts/notices.ts.`);
    return `## ${name} (${identifier})\n\n${text?.trim() ?? "Licensed under the MIT License; the package has no notice of its own."}\n`;
  });
  return [
    "# Notices of bundled packages",
    "",
    "rendercast's JavaScript contains code of these packages. docs/licenses.md describes the rest.",
    "",
    sections.join("\n"),
  ].join("\n");
}
