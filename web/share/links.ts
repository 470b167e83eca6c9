/** What the Share panel offers to copy, made of where the stream is. */

/** As `POST /streams/NAME/share` answers. */
export interface ShareLinks {
  readonly page: string;
  readonly image: string;
  readonly token?: string;
  /** When they end, in ISO 8601. */
  readonly expires?: string;
}

export interface Offer {
  readonly label: string;
  /** What it is for, in a sentence. */
  readonly about: string;
  readonly text: string;
}

/** The links by hand, for who may not have the server make some. */
export function ownLinks(page: { readonly origin: string }, stream: string, token: string): ShareLinks {
  const name = encodeURIComponent(stream);
  const [fragment, query] = token === "" ? ["", ""] : [`#token=${token}`, `?token=${token}`];
  return {
    page: `${page.origin}/watch/${name}${fragment}`,
    image: `${page.origin}/streams/${name}/mjpeg${query}`,
    ...(token === "" ? {} : { token }),
  };
}

/** The ways to show a stream elsewhere, the simplest first. */
export function offersOf({ page, image, token }: ShareLinks, stream: string): Offer[] {
  const { origin } = new URL(page);
  const name = encodeURIComponent(stream);
  const attribute = token === undefined ? "" : ` token="${token}"`;
  const fragment = token === undefined ? "" : `#token=${token}`;
  return [
    {
      label: "Link",
      about: "Opens this page on any device that reaches the server.",
      text: page,
    },
    {
      label: "Player for your page",
      about: "The live player as an element. The server has to let your page in: --embed-from.",
      text: [
        `<script type="module" src="${origin}/player.js"></script>`,
        `<rendercast-player src="${origin}/streams/${name}"${attribute}></rendercast-player>`,
      ].join("\n"),
    },
    {
      label: "Frame",
      about: "For pages that take no scripts of yours.",
      text: `<iframe src="${origin}/embed/${name}${fragment}" width="960" height="540" style="border:0" allow="autoplay; fullscreen; picture-in-picture"></iframe>`,
    },
    {
      label: "Plain picture",
      about: "MJPEG: heavier, but any <img> shows it.",
      text: `<img src="${image}" alt="${stream}, live">`,
    },
  ];
}
