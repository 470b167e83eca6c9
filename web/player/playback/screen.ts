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
  /** One in a window of its own, which the next connection goes on with. */
  #parked: HTMLVideoElement | undefined;

  constructor(container: HTMLElement) {
    this.#container = container;
    this.#canvas = document.createElement("canvas");
    this.#canvas.hidden = true;
    this.#context = this.#canvas.getContext("2d", { alpha: false });
    container.append(this.#canvas);
  }

  /** The video of the connection, if there is one. */
  get video(): HTMLVideoElement | undefined {
    return this.#container.querySelector("video") ?? undefined;
  }

  get hasPicture(): boolean {
    return !this.#canvas.hidden || (this.video?.videoWidth ?? 0) > 0;
  }

  /** A new video, behind whatever is shown. */
  addVideo(): HTMLVideoElement {
    const parked = this.#parked;
    this.#parked = undefined;
    if (parked?.isConnected) return parked;
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
    if ((video.getRootNode() as ShadowRoot).pictureInPictureElement === video) {
      // Its window closes with it, and only the user may open another.
      this.#parked = video;
      return;
    }
    video.srcObject = null;
    video.remove();
  }

  /** Forgets the picture of another stream. */
  clear(): void {
    this.#canvas.hidden = true;
  }

  /**
   * The picture that is shown, as PNG in its own size.
   * @throws {DOMException} where there is none, or the browser cannot make it.
   */
  async snapshot(): Promise<Blob> {
    const { video } = this;
    const shown = this.#canvas.hidden && video ? video : this.#canvas;
    const width = shown === video ? video.videoWidth : this.#canvas.width;
    const height = shown === video ? video.videoHeight : this.#canvas.height;
    if ((this.#canvas.hidden && shown === this.#canvas) || width === 0 || height === 0)
      throw new DOMException("There is no picture yet", "InvalidStateError");
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d", { alpha: false })?.drawImage(shown, 0, 0, width, height);
    const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!png) throw new DOMException("The picture could not be made a PNG", "EncodingError");
    return png;
  }

  /** Draws a picture over everything. */
  draw(picture: CanvasImageSource, width: number, height: number): void {
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#context?.drawImage(picture, 0, 0, width, height);
    this.#canvas.hidden = false;
  }
}
