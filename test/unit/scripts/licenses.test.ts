import { readFileSync } from "node:fs";
import { matchesGlob } from "node:path";
import { getFFmpegInfo } from "node-av/lib";
import { expect, test } from "vitest";
import { noticesOf } from "../../../scripts/notices.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const page = read("docs/licenses.md");

/** The packages that npm installs beside ours, with their licenses. */
function installed(): { readonly name: string; readonly license: string }[] {
  const lock: Record<string, { dev?: true; license?: string }> = JSON.parse(
    read("package-lock.json"),
  ).packages;
  return Object.entries(lock).flatMap(([path, { dev, license = "none" }]) =>
    path === "" || dev ? [] : [{ name: path.split("node_modules/").at(-1) ?? "", license }],
  );
}

/** The row of docs/licenses.md about a package: the most exact one. */
function rowOf(name: string): string | undefined {
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  const globsOf = (row: string) =>
    [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, glob = ""]) => glob);
  const matches = rows.flatMap((row) =>
    globsOf(row).flatMap((glob) => (matchesGlob(name, glob) ? [{ row, glob }] : [])),
  );
  return matches.sort((a, b) => b.glob.length - a.glob.length)[0]?.row;
}

test("docs/licenses.md has the license of every package that npm installs beside ours", () => {
  const packages = installed();
  expect(packages.length).toBeGreaterThan(10);
  const stated = packages.filter(({ name, license }) => rowOf(name)?.split("|")[2]?.includes(license));
  expect(packages.filter((one) => !stated.includes(one))).toEqual([]);
});

test("FFmpeg in node-av is under the GPL, version 3 or later, as docs/licenses.md says", () => {
  const { configuration } = getFFmpegInfo();
  for (const flag of ["--enable-gpl", "--enable-version3"]) {
    expect(configuration).toContain(flag);
    expect(rowOf("@seydx/node-av-linux-x64")).toContain(`\`${flag}\``);
  }
  expect(configuration).not.toContain("--enable-nonfree");
  expect(rowOf("@seydx/node-av-linux-x64")).toContain("GPL-3.0-or-later");
});

const PACKAGE = { name: "one", version: "1.0.0", identifier: "MIT", text: "Copyright One" };

test("the notices have each bundled package once, with its text", () => {
  const other = { ...PACKAGE, name: "another", text: null };
  const notices = noticesOf([PACKAGE, other, PACKAGE]);
  expect(notices.match(/^## .*/gm)).toEqual(["## another 1.0.0 (MIT)", "## one 1.0.0 (MIT)"]);
  expect(notices).toContain("Copyright One");
});

test.each([
  [
    { identifier: "GPL-3.0-only" },
    "one 1.0.0 is licensed GPL-3.0-only: it must not become part of a bundle.",
  ],
  [{ identifier: "MPL-2.0" }, "must not become part of a bundle."],
  [{ identifier: null }, "must not become part of a bundle."],
  [{ identifier: "Apache-2.0", text: null }, "one 1.0.0 has no license text"],
])("the build fails for a bundled package with %o", (terms, sentence) => {
  expect(() => noticesOf([{ ...PACKAGE, ...terms }])).toThrow(sentence);
});
