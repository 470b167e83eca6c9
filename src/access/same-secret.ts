/** Compares secrets. */
import { createHash, timingSafeEqual } from "node:crypto";

/** Whether the secrets are equal. The time it takes does not depend on where they differ. */
export function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
