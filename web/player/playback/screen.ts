/**
 * Two stacked surfaces for the pictures: below, the `<video>` of the WebRTC connection; above, a canvas for MJPEG and for
 * the last picture of a video that is gone. So a picture stays visible while the transport changes.
 */

/** The surfaces in one container. */
export class PlayerScreen {
  readonly #container: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;
  /** The video of the last connection; the next one reuses it. WebKit remembers with it that a tap has started it. */
  #parked: HTMLVideoElement | undefined;

  constructor(container: HTMLElement) {
    this.#container = container;
    this.#canvas = document.createElement("canvas");
    this.#canvas.hidden = true;
    this.#context = this.#canvas.getContext("2d", { alpha: false });
    container.append(this.#canvas);
  }

  /** The video of the open connection, if there is one. */
  get video(): HTMLVideoElement | undefined {
    return this.#container.querySelector("video") ?? undefined;
  }

  /** Whether there is a picture on the screen, old or new. */
  get hasPicture(): boolean {
    return !this.#canvas.hidden || (this.video?.videoWidth ?? 0) > 0;
  }

  /** Adds a video, behind the canvas. */
  addVideo(): HTMLVideoElement {
    const video = this.#parked ?? newVideo();
    this.#parked = undefined;
    if (!video.isConnected) this.#container.prepend(video);
    return video;
  }

  /** Shows the video: its first picture is there. */
  reveal(): void {
    this.#canvas.hidden = true;
  }

  /** Removes a video. If it was `visible`, its last picture stays on the canvas. */
  remove(video: HTMLVideoElement, visible: boolean): void {
    if (visible && video.videoWidth > 0) this.draw(video, video.videoWidth, video.videoHeight);
    this.#parked = video;
    // Removing it would close its window, and only the user can open another.
    if ((video.getRootNode() as ShadowRoot).pictureInPictureElement === video) return;
    video.srcObject = null;
    video.remove();
  }

  /** Hides the last picture, of another stream. */
  clear(): void {
    this.#canvas.hidden = true;
  }

  /**
   * The picture on the screen, as PNG in its own size.
   * @throws {DOMException} `InvalidStateError` before the first picture, `EncodingError` if the browser cannot encode it.
   */
  async snapshot(): Promise<Blob> {
    const { video } = this;
    const shown = this.#canvas.hidden && video ? video : this.#canvas;
    const width = shown === video ? video.videoWidth : this.#canvas.width;
    const height = shown === video ? video.videoHeight : this.#canvas.height;
    if ((this.#canvas.hidden && shown === this.#canvas) || width === 0 || height === 0)
      throw new DOMException(
        "There is no picture yet. Wait for the state live or fallback.",
        "InvalidStateError",
      );
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d", { alpha: false })?.drawImage(shown, 0, 0, width, height);
    const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!png) throw new DOMException("The browser could not encode the picture as PNG", "EncodingError");
    return png;
  }

  /** Draws a picture on the canvas, above the video. */
  draw(picture: CanvasImageSource, width: number, height: number): void {
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#context?.drawImage(picture, 0, 0, width, height);
    this.#canvas.hidden = false;
  }
}

function newVideo(): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.autoplay = true;
  video.playsInline = true;
  return video;
}
