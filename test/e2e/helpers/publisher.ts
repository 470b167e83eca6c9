/** A publisher as any program may be one: a POST by Node's own HTTP client. */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
}

export class TestPublisher {
  readonly #request: ClientRequest;
  #answered = false;
  #playing: NodeJS.Timeout | undefined;
  /** Rejects where the connection is lost before the answer. */
  readonly answer: Promise<Answer>;
  /** Resolves when the connection has closed. */
  readonly closed: Promise<void>;

  /** @param to an address, or what else the request needs, such as a `socketPath`. */
  constructor(to: string | RequestOptions, headers: Readonly<Record<string, string>> = {}) {
    const options: RequestOptions = {
      method: "POST",
      headers: { "Content-Type": "multipart/x-mixed-replace; boundary=frame", ...headers },
    };
    const sending = typeof to === "string" ? request(to, options) : request({ ...options, ...to });
    this.#request = sending;
    // What goes wrong after the answer, such as a closed connection, is no news.
    this.#request.on("error", () => {});
    this.closed = new Promise((resolve) => {
      sending.on("socket", (socket) => socket.once("close", () => resolve()));
    });
    this.answer = (async () => {
      const [response] = (await once(sending, "response")) as [IncomingMessage];
      this.#answered = true;
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += chunk;
      return { status: response.statusCode ?? 0, text, headers: response.headers };
    })();
    this.answer.catch(() => {});
    this.#request.flushHeaders();
  }

  get answered(): boolean {
    return this.#answered;
  }

  /** Sends the bytes, and resolves when the system has taken them or the server has hung up. */
  send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.#request.write(bytes, () => resolve()));
  }

  /** Sends the bytes over and over, each in its turn, as a render loop does, until it is given others or ends. */
  play(...all: readonly Buffer[]): void {
    clearInterval(this.#playing);
    let sent = 0;
    const again = () => {
      if (this.#answered || this.#request.destroyed) clearInterval(this.#playing);
      else this.#request.write(all[sent++ % all.length]);
    };
    this.#playing = setInterval(again, 50);
    again();
  }

  /** Ends the body, after the bytes. */
  end(bytes?: Buffer): Promise<Answer> {
    clearInterval(this.#playing);
    this.#request.end(bytes);
    return this.answer;
  }

  /** Cuts the connection, as a crash does. */
  destroy(): void {
    clearInterval(this.#playing);
    this.#request.destroy();
  }
}
