/**
 * uPlot makes a number format of `navigator.language` when it is loaded. WebKit under `LANG=C.UTF-8` reports `C`, which is
 * no language tag (BCP 47), and a number format throws.
 */
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en" });
}
