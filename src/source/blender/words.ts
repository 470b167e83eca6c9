/** Edits Blender's messages for viewers. */
import { basename, dirname } from "node:path";

/** Makes a sentence of a message of the script, which is in lower case. */
export function sentenceOf(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1).replace(/\.$/, "")}.`;
}

/** What Blender does before its first picture, from a message of the script; undefined for any other message. */
export function stageOf(words: string): string | undefined {
  return words.startsWith("compiling shaders") ? "Blender is compiling shaders" : undefined;
}

/** Shortens the paths of these files to their names, because viewers must not learn local paths. */
export function withoutFolders(sentence: string, files: readonly (string | undefined)[]): string {
  return files.reduce<string>(
    (text, file) =>
      file !== undefined && dirname(file) !== "." ? text.replaceAll(file, basename(file)) : text,
    sentence,
  );
}
