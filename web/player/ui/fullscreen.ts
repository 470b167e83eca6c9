/** Full screen. iPhones give it to a `<video>` only, with the system's own controls. */

/** WebKit's methods of a video (Apple, `HTMLVideoElement`). */
interface WebKitVideo extends HTMLVideoElement {
  webkitEnterFullscreen?(): void;
}

/** Whether the player is in full screen, or cannot be. `video` is undefined while MJPEG is shown. */
export function fullscreenState(
  player: HTMLElement,
  video: HTMLVideoElement | undefined,
): "on" | "off" | "impossible" {
  if (document.fullscreenEnabled) return document.fullscreenElement === player ? "on" : "off";
  return (video as WebKitVideo | undefined)?.webkitEnterFullscreen ? "off" : "impossible";
}

/** Enters or leaves full screen. Does nothing if the browser forbids it. */
export function toggleFullscreen(player: HTMLElement, video: HTMLVideoElement | undefined): void {
  if (document.fullscreenEnabled) {
    const isOn = document.fullscreenElement === player;
    (isOn ? document.exitFullscreen() : player.requestFullscreen()).catch(() => {});
    return;
  }
  try {
    (video as WebKitVideo | undefined)?.webkitEnterFullscreen?.();
  } catch {
    // The video has no picture yet.
  }
}

/** iPhones pause a video that leaves full screen: play it on. */
export function playOnAfterFullscreen(pictures: HTMLElement): void {
  const playOn = ({ target }: Event) => {
    if (target instanceof HTMLVideoElement) target.play().catch(() => {});
  };
  pictures.addEventListener("webkitendfullscreen", playOn, { capture: true });
}
