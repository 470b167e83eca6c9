/** What the Share panel offers to copy, made of where the stream is. */

/** As `POST /streams/NAME/share` answers. */
export interface ShareLinks {
  /** To the page. */
  readonly link: string;
  readonly image: string;
  readonly token?: string;
  /** When they end, in ISO 8601. */
  readonly expires?: string;
  /** The same at the server's other addresses, the best first; undefined where the server was not asked. */
  readonly alternatives?: readonly string[];
  /** Whether watching takes a token that they have not. */
  readonly closed?: boolean;
}

/** One thing to copy: an address, or a piece of code. */
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
    link: `${page.origin}/watch/${name}${fragment}`,
    image: `${page.origin}/streams/${name}/mjpeg${query}`,
    ...(token === "" ? {} : { token, ...expiryOf(token) }),
  };
}

/** When a signed token ends (RFC 7519, section 4.1.4); nothing for others. */
function expiryOf(token: string): Pick<ShareLinks, "expires"> {
  try {
    const [, claims = ""] = token.split(".");
    const { exp } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
    return { expires: new Date(exp * 1000).toISOString() };
  } catch {
    return {};
  }
}

/** The same links at another address of the server, whose link is given. */
export function movedTo(links: ShareLinks, link: string): ShareLinks {
  const image = new URL(link).origin + links.image.slice(new URL(links.image).origin.length);
  return { ...links, link, image };
}

/** What to know of the links before giving them away, a sentence each. */
export function notesOf(
  { link, expires, alternatives, closed }: ShareLinks,
  time: (at: Date) => string,
): string[] {
  const { hostname } = new URL(link);
  const isOwn = /^(localhost|.*\.localhost|127\..*|\[::1\])$/.test(hostname);
  const others = alternatives !== undefined && alternatives.length > 0;
  const own = others
    ? "This address is good on this machine alone: choose another above."
    : alternatives
      ? "This address is good on this machine alone: the server listens here only, or has no network."
      : "This address is good on this machine alone: for another, ask whoever runs the server.";
  const isNumber = /^[\d.]+$|^\[/.test(hostname);
  return [
    isOwn ? own : isNumber ? "Scan it with a phone in the same network." : "Scan it with a phone.",
    ...(closed
      ? ["Watching takes a token, which these links have not: ask whoever runs the server for one."]
      : []),
    ...(expires === undefined ? [] : [`Good until ${time(new Date(expires))}.`]),
  ];
}

/** The ways to show a stream elsewhere, the simplest first. */
export function offersOf({ link, image, token }: ShareLinks, stream: string): Offer[] {
  const { origin } = new URL(link);
  const name = encodeURIComponent(stream);
  const attribute = token === undefined ? "" : ` token="${token}"`;
  const fragment = token === undefined ? "" : `#token=${token}`;
  return [
    {
      label: "Link",
      about: "Opens the stream on any device that reaches the server.",
      text: link,
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
