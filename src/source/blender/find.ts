/** Finds the Blender program on a machine. */

/** The parts of a machine that the search needs. */
export interface Places {
  readonly platform: NodeJS.Platform;
  /** The folders in PATH. */
  readonly path: readonly string[];
  /** Path of the home folder. */
  readonly home: string;
  /** Whether the file is executable. */
  isProgram(path: string): boolean;
  /** The names in a folder; none if it does not exist. */
  list(folder: string): string[];
}

/** The path of Blender: from PATH, or the newest in the usual installation folders. Undefined if there is none. */
export function findBlender(places: Places): string | undefined {
  return candidates(places).find((path) => places.isProgram(path));
}

function candidates({ platform, path, home, list }: Places): string[] {
  const newestFirst = (folder: string, name: RegExp) =>
    list(folder)
      .filter((entry) => name.test(entry))
      .sort((a, b) => b.localeCompare(a, "en", { numeric: true }))
      .map((entry) => `${folder}/${entry}`);
  if (platform === "win32") {
    const installed = "C:/Program Files/Blender Foundation";
    const versions = newestFirst(installed, /^Blender/).map((folder) => `${folder}/blender.exe`);
    return [...path.map((folder) => `${folder}/blender.exe`), ...versions];
  }
  if (platform === "darwin") {
    const apps = ["/Applications", `${home}/Applications`].flatMap((folder) =>
      newestFirst(folder, /^Blender.*\.app$/),
    );
    return [
      ...path.map((folder) => `${folder}/blender`),
      ...apps.map((app) => `${app}/Contents/MacOS/Blender`),
    ];
  }
  const unpacked = ["/opt", "/usr/local", home, `${home}/Downloads`].flatMap((folder) =>
    newestFirst(folder, /^blender/i),
  );
  const packaged = ["/snap/bin/blender", "/var/lib/flatpak/exports/bin/org.blender.Blender"];
  return [
    ...path.map((folder) => `${folder}/blender`),
    ...unpacked.map((folder) => `${folder}/blender`),
    ...packaged,
  ];
}
