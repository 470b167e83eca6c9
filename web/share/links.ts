/** What the Share panel offers to copy, made of where the stream is. */

/** As `POST /streams/NAME/share` answers. */
export interface ShareLinks {
  readonly page: string;
  readonly image: string;
  readonly token?: string;
  /** When they end, in ISO 8601. */
  readonly expires?: string;
  /** Where the page's address is good on the server's own machine alone: where others reach it, the best first. */
  readonly origins?: readonly string[];
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

/** The same links at another origin of the server. */
export function movedTo(links: ShareLinks, origin: string): ShareLinks {
  const moved = (link: string) => origin + link.slice(new URL(link).origin.length);
  return { ...links, page: moved(links.page), image: moved(links.image) };
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
      about: "Opens the stream on any device that reaches the server.",
      text: page,
    },
    {
      label: "Player for your page",
      about: `The live player as an element, with its data and events. Start the server with --embed-from and your page's origin.`,
      text: [
        `<script type="module" src="${origin}/player.js"></script>`,
        `<rendercast-player src="${origin}/streams/${name}"${attribute}></rendercast-player>`,
      ].join("\n"),
    },
    {
      label: "Frame for your page",
      about: "For pages that take no scripts, such as wikis and notebooks.",
      text: `<iframe src="${origin}/embed/${name}${fragment}" width="960" height="540" style="border:0" allow="autoplay; fullscreen; picture-in-picture"></iframe>`,
    },
    {
      label: "Plain picture",
      about: "MJPEG takes more of the network, but any <img> shows it.",
      text: `<img src="${image}" alt="${stream}, live">`,
    },
  ];
}
