/** The routes of control: a publisher takes the poses of the viewer that turns its camera, and an operator ends that. */
import type { Express } from "express";
import type { Cancel, Clock, Millis } from "../base/clock.ts";
import type { Directory } from "../broadcast/directory.ts";
import type { Pose } from "../shared/control.ts";
import { sendText } from "./answers.ts";
import { EventStream } from "./event-stream.ts";
import type { Permissions } from "./permissions.ts";

/** What the control routes need. */
export interface ControlNeeds {
  readonly permissions: Permissions;
  readonly directory: Directory;
  readonly clock: Clock;
  /** What the server allows, by `--control`. */
  readonly control: "off" | "orbit";
}

/** The pose is repeated, so that the publisher notices a connection that is gone. */
const POSE_INTERVAL: Millis = 1000;

/** Adds the routes of control. */
export function addControlRoutes(
  app: Express,
  { permissions, directory, clock, control }: ControlNeeds,
): void {
  app.get("/streams/:name/control", permissions.may("publish"), (request, response) => {
    if (control === "off")
      return sendText(response, 403, "This server allows no control: start rendercast with --control orbit.");
    const desk = directory.find(request.params.name)?.control;
    if (!desk) return sendText(response, 404, "There is no stream with this name: publish it first.");
    const stops: Cancel[] = [];
    const events = new EventStream(response, clock, () => {
      for (const stop of stops) stop();
    });
    const send = (pose: Pose) => events.send("pose", JSON.stringify(pose));
    stops.push(
      desk.open(send, () => response.end()),
      clock.every(POSE_INTERVAL, () => send(desk.pose)),
    );
    send(desk.pose);
  });
  app.delete("/streams/:name/control", permissions.may("operate"), (request, response) => {
    const desk = directory.find(request.params.name)?.control;
    if (!desk) return sendText(response, 404, "There is no stream with this name.");
    desk.takeBack();
    sendText(response, 200, "Nobody turns the camera now.");
  });
}
