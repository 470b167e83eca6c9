/** The routes that read streams: list, description, rights, MJPEG, snapshot, events, telemetry and viewers. */
import type { Express, Request, Response } from "express";
import type { Refused } from "../access/access.ts";
import { clientKey, type Guard } from "../access/guard.ts";
import { SHOWN_ANYWHERE } from "../access/security-headers.ts";
import { RIGHTS } from "../access/tokens.ts";
import type { Cancel, Clock, Millis } from "../base/clock.ts";
import type { Broadcast } from "../broadcast/broadcast.ts";
import type { Directory } from "../broadcast/directory.ts";
import type { Seats } from "../broadcast/seats.ts";
import type { Streams } from "../cluster/streams.ts";
import type { StreamInfo } from "../shared/protocol.ts";
import { mjpegType } from "../transport/mjpeg.ts";
import { sendText } from "./answers.ts";
import { EVENT_STREAM_TYPE, EventStream } from "./event-stream.ts";
import type { Permissions } from "./permissions.ts";

/** What the reading routes need. */
export interface StreamNeeds {
  readonly guard: Pick<Guard, "access" | "proxies">;
  readonly permissions: Permissions;
  readonly directory: Directory;
  /** This server's streams, and those of joined servers. */
  readonly streams: Streams;
  readonly clock: Clock;
  /** Seats of the clients that follow events and telemetry. */
  readonly followers: Seats;
}

const INFO_INTERVAL: Millis = 1000;
const REPLACEMENT_CHECK_INTERVAL: Millis = 1000;

/** Adds the routes that read streams. */
export function addStreamRoutes(app: Express, needs: StreamNeeds): void {
  addListRoutes(app, needs);
  addPictureRoutes(app, needs);
  addEventRoutes(app, needs);
}

/** The descriptions of the streams that the request may list; `refused` is why it may not list the first one. */
export async function listStreams(
  { guard, permissions, streams }: Pick<StreamNeeds, "guard" | "permissions" | "streams">,
  request: Request,
): Promise<{ readonly listed: readonly StreamInfo[]; readonly refused: Refused | undefined }> {
  const asker = permissions.asker(request);
  const all = await Promise.all(
    streams.all().map(async (stream) => {
      const { list } = await guard.access.rightsOf(asker, stream.name);
      return { stream, list };
    }),
  );
  const listed = all.filter(({ list }) => list.granted).map(({ stream }) => stream.info());
  const first = all[0]?.list;
  return { listed, refused: first?.granted === false ? first : undefined };
}

function addListRoutes(app: Express, { guard, permissions, directory, streams }: StreamNeeds): void {
  const { access } = guard;
  app.get("/streams", async (request, response) => {
    const { listed, refused } = await listStreams({ guard, permissions, streams }, request);
    if (refused && listed.length === 0) permissions.refuse(response, refused);
    else response.json(listed);
  });
  app.get("/streams/:name", permissions.may("view"), (request, response) => {
    const broadcast = find(directory, request, response);
    if (broadcast) response.json(broadcast.info());
  });
  // Tells a page what it may do, so that it does not have to try.
  app.get("/streams/:name/rights", async (request, response) => {
    const rights = await access.rightsOf(permissions.asker(request), request.params.name);
    const granted = ([...RIGHTS, "share"] as const).filter((right) => rights[right].granted);
    response.set("Cache-Control", "no-store").json(granted);
  });
  app.get("/streams/:name/viewers", permissions.may("operate"), (request, response) => {
    const broadcast = find(directory, request, response);
    if (broadcast) response.set("Cache-Control", "no-store").json(broadcast.records.all());
  });
}

function addPictureRoutes(app: Express, { guard, permissions, directory }: StreamNeeds): void {
  app.get("/streams/:name/mjpeg", permissions.may("view"), (request, response) => {
    const broadcast = find(directory, request, response);
    if (!broadcast) return;
    response.set(SHOWN_ANYWHERE);
    const timed = "timed" in request.query;
    if (request.method === "HEAD") response.type(mjpegType(timed)).end();
    else broadcast.streamMjpeg(response, timed, clientKey(guard.proxies, request));
  });
  app.get("/streams/:name/snapshot.jpg", permissions.may("view"), async (request, response) => {
    const broadcast = find(directory, request, response);
    if (!broadcast) return;
    const picture = await broadcast.snapshot("thumbnail" in request.query ? "thumbnail" : "full");
    if (!picture)
      return sendText(response.set("Retry-After", "1"), 503, "This stream has no picture yet. Try again.");
    response.set({
      "Cache-Control": "no-store",
      "X-Frame-Number": String(picture.number),
      ...SHOWN_ANYWHERE,
    });
    response.type("image/jpeg").send(picture.data);
  });
}

function addEventRoutes(
  app: Express,
  { guard, permissions, directory, clock, followers }: StreamNeeds,
): void {
  app.get("/streams/:name/events", permissions.may("view"), (request, response) =>
    follow(request, response, (broadcast, events) => {
      const sendInfo = () => events.send("stream", JSON.stringify(broadcast.info()));
      const stopListening = broadcast.listen(sendInfo);
      const stopTicking = clock.every(INFO_INTERVAL, sendInfo);
      sendInfo();
      return () => {
        stopListening();
        stopTicking();
      };
    }),
  );
  app.get("/streams/:name/telemetry", permissions.may("view"), (request, response) =>
    follow(request, response, (broadcast, events) =>
      broadcast.telemetry.follow((json) => events.send("telemetry", json)),
    ),
  );

  /** Sends events until the client leaves, or another broadcast takes the stream's name and with it other rights. */
  function follow(
    request: Request<{ name: string }>,
    response: Response,
    begin: (broadcast: Broadcast, events: EventStream) => Cancel,
  ): void {
    const broadcast = find(directory, request, response);
    if (!broadcast) return;
    if (request.method === "HEAD") {
      response.type(EVENT_STREAM_TYPE).end();
      return;
    }
    const freeSeat = followers.take(broadcast.name, clientKey(guard.proxies, request));
    const events = new EventStream(response, clock, () => {
      freeSeat();
      stop();
      stopChecking();
    });
    const stop = begin(broadcast, events);
    const stopChecking = clock.every(REPLACEMENT_CHECK_INTERVAL, () => {
      if (directory.find(broadcast.name) !== broadcast) response.end();
    });
  }
}

/** The broadcast with the name in the path. If there is none, answers 404. */
function find(
  directory: Directory,
  request: Request<{ name: string }>,
  response: Response,
): Broadcast | undefined {
  const broadcast = directory.find(request.params.name);
  if (!broadcast) sendText(response, 404, "There is no stream with this name.");
  return broadcast;
}
