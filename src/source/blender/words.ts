/** What Blender says of itself, for viewers. */
import { basename, dirname } from "node:path";

/** As a sentence: the script says it in lower case. */
export function sentenceOf(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1).replace(/\.$/, "")}.`;
}

/** The files by their names alone: where they are on this machine is not viewers' to know. */
export function withoutFolders(sentence: string, files: readonly (string | undefined)[]): string {
  return files.reduce<string>(
    (text, file) =>
      file !== undefined && dirname(file) !== "." ? text.replaceAll(file, basename(file)) : text,
    sentence,
  );
}
