/** The syntax of stream names, as in `/streams/NAME`. */

/** Matches a valid name. */
export const STREAM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** {@link STREAM_NAME} in words; completes the sentence "A stream's name is ...". */
export const STREAM_NAME_RULE =
  "1 to 64 letters, digits, dots, underscores and dashes, the first a letter or digit";
