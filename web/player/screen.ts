/**
 * The two surfaces pictures come onto, stacked: below, the `<video>` of the WebRTC connection; above, a
 * canvas for MJPEG, and for the last picture of a video that is gone. So there is always a picture while
 * one way is exchanged for the other.
 */

/** The surfaces inside one container. */
export class PlayerScreen {
  readonly #container: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;

  constructor(container: HTMLElement) {
    this.#container = container;
    this.#canvas = document.createElement("canvas");
    this.#canvas.hidden = true;
    this.#context = this.#canvas.getContext("2d", { alpha: false });
    container.append(this.#canvas);
  }

  /** A new video, behind whatever is shown. */
  addVideo(): HTMLVideoElement {
    const video = document.createElement("video");
    video.muted = true;
    video.autoplay = true;
    video.playsInline = true;
    this.#container.prepend(video);
    return video;
  }

  /** Uncovers the video: its first picture is there. */
  reveal(): void {
    this.#canvas.hidden = true;
  }

  /** Takes a video away, and leaves its last picture where it was `visible`. */
  remove(video: HTMLVideoElement, visible: boolean): void {
    if (visible && video.videoWidth > 0) this.draw(video, video.videoWidth, video.videoHeight);
    video.srcObject = null;
    video.remove();
  }

  /** Draws a picture over everything. */
  draw(picture: CanvasImageSource, width: number, height: number): void {
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#context?.drawImage(picture, 0, 0, width, height);
    this.#canvas.hidden = false;
  }
}
