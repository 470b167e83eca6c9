/** Publishing data without a picture: `POST /streams/NAME/telemetry` with one JSON object. */
import express, { type Express } from "express";
import type { Directory } from "../broadcast/directory.ts";
import { MAX_TELEMETRY_BYTES, TelemetryError, telemetryIn } from "../source/telemetry.ts";
import { sendText } from "./answers.ts";
import type { Permissions } from "./permissions.ts";

/** What the telemetry route needs. */
export interface TelemetryNeeds {
  readonly permissions: Permissions;
  readonly directory: Directory;
}

const wholeBody = express.raw({ type: () => true, limit: MAX_TELEMETRY_BYTES, inflate: false });

const TOO_LARGE = `The data has more than ${MAX_TELEMETRY_BYTES} bytes: send less, or in parts.`;
const NO_STREAM = "There is no stream with this name: publish a picture first, or check the name.";

/** Adds the route that takes data. It requires the right to publish. */
export function addTelemetryRoute(app: Express, { permissions, directory }: TelemetryNeeds): void {
  app.post("/streams/:name/telemetry", permissions.may("publish"), (request, response, next) => {
    const broadcast = directory.find(request.params.name);
    if (!broadcast) return sendText(response, 404, NO_STREAM);
    wholeBody(request, response, (error?: unknown) => {
      if (error instanceof Error && "status" in error && error.status === 413)
        return sendText(response, 413, TOO_LARGE);
      if (error) return next(error);
      const body: unknown = request.body;
      try {
        broadcast.publishData(telemetryIn(Buffer.isBuffer(body) ? body : Buffer.alloc(0), "The data"));
      } catch (error) {
        if (!(error instanceof TelemetryError)) return next(error);
        return sendText(response, error.kind === "too-large" ? 413 : 400, error.message);
      }
      response.status(204).end();
    });
  });
}
