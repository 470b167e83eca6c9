/** `/healthz` and `/readyz`, for process supervisors and load balancers, and `/metrics` for Prometheus. */
import type { Express } from "express";
import type { Guard } from "../access/guard.ts";
import type { Metrics } from "../broadcast/metrics.ts";
import { sendText } from "./answers.ts";
import type { Permissions } from "./permissions.ts";

/** What the health routes need. */
export interface HealthNeeds {
  readonly guard: Pick<Guard, "access" | "checks">;
  readonly permissions: Permissions;
  /** Whether the server takes new viewers. */
  readonly isReady: () => boolean;
  /** Why the server works without its cluster, as a sentence after a space; undefined if it does not. */
  readonly alone: () => string | undefined;
}

/** Adds the health checks. They have a rate limit of their own, so they come before the one for all requests. */
export function addHealthRoutes(app: Express, { guard, permissions, isReady, alone }: HealthNeeds): void {
  app.use(["/healthz", "/readyz"], guard.checks);
  app.get("/healthz", (_request, response) =>
    // `doctor` recognizes a running rendercast by the header.
    sendText(response.set("Server", "rendercast"), 200, "rendercast is running."),
  );
  app.get("/readyz", async (request, response) => {
    if (!isReady()) return sendText(response, 503, "Not ready: the server is starting or stopping.");
    const problem = alone();
    // Only operators learn which services the server depends on.
    const isTold =
      problem !== undefined &&
      (await guard.access.mayDo(permissions.asker(request), "operate", undefined)).granted;
    sendText(response, 200, `Ready for viewers.${isTold ? problem : ""}`);
  });
}

/** Adds `/metrics`, in the text format of Prometheus. */
export function addMetricsRoute(app: Express, metrics: Metrics, permissions: Permissions): void {
  app.get("/metrics", permissions.may<object>("operate"), async (_request, response) => {
    const { type, text } = await metrics.scrape();
    response.set("Content-Type", type).send(text);
  });
}
