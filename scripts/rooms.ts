/** Which folder of `src/` may import which. `docs/architecture.md` shows the same table, and `check-house.ts` holds both. */

/** A folder of `src/`, or `web`. */
export interface Room {
  /** What the room is for, in a few words. */
  readonly purpose: string;
  /** The other rooms that it may import, type imports included. */
  readonly mayImport: readonly string[];
}

const FOUNDATION = ["base", "shared", "media", "network"];

export const ROOMS: Readonly<Record<string, Room>> = {
  base: { purpose: "clock, log, errors, queues: knows nothing of video", mayImport: [] },
  shared: { purpose: "wire formats that the server and the page share", mayImport: [] },
  media: { purpose: "frames, and the bitstreams in them", mayImport: ["base"] },
  network: { purpose: "IP addresses, names, ICE servers", mayImport: ["base", "shared"] },
  config: { purpose: "options: flags, variables, defaults, help", mayImport: FOUNDATION },
  source: { purpose: "where frames come from", mayImport: ["base", "shared", "media", "config"] },
  encoder: { purpose: "decodes pictures, encodes video", mayImport: ["base", "shared", "media"] },
  transport: { purpose: "carries frames to viewers: RTP, ICE, DTLS, MJPEG", mayImport: FOUNDATION },
  access: { purpose: "who may do what, and how often", mayImport: ["base", "network", "config"] },
  signaling: {
    purpose: "how a page and the server agree on a session",
    mayImport: ["base", "shared", "access"],
  },
  broadcast: {
    purpose: "joins the stages of one stream",
    mayImport: ["base", "shared", "media", "source", "encoder", "transport", "signaling"],
  },
  cluster: {
    purpose: "servers joined by Redis",
    mayImport: ["base", "shared", "network", "access", "signaling", "broadcast"],
  },
  forward: {
    purpose: "sends a stream on to other servers",
    mayImport: [...FOUNDATION, "config", "broadcast", "transport"],
  },
  http: {
    purpose: "every HTTP route, WHEP included",
    mayImport: [
      ...FOUNDATION,
      "config",
      "source",
      "transport",
      "access",
      "signaling",
      "broadcast",
      "cluster",
    ],
  },
  video: {
    purpose: "the encoders and the port that all streams share",
    mayImport: [...FOUNDATION, "config", "encoder", "transport", "http"],
  },
  doctor: {
    purpose: "checks a machine before and while it serves",
    mayImport: [...FOUNDATION, "config", "source", "encoder", "transport", "http"],
  },
  api: {
    purpose: "what a program that imports the package uses",
    mayImport: ["base", "shared", "config", "source", "broadcast"],
  },
  web: { purpose: "pages, player element, lab", mayImport: ["shared"] },
};
