/** A server's telemetry, as a program follows it. */
import { vi } from "vitest";
import type { ServerProcess } from "./server.ts";

/** One event: the data of a picture. */
export interface Told {
  readonly number: number;
  readonly data: Record<string, unknown>;
}

/** Waits until it holds, on a slow machine as well. */
export const eventually = <T>(check: () => T | Promise<T>) =>
  vi.waitFor(check, { timeout: 20_000, interval: 20 });

/**
 * Follows the telemetry of a stream, once it exists.
 * @returns the events, which appear in the array as they come.
 */
export async function followTelemetry(server: ServerProcess, name = "main"): Promise<Told[]> {
  const response = await eventually(async () => {
    const answer = await fetch(`${server.url}/streams/${name}/telemetry`);
    if (!answer.ok) throw new Error(await answer.text());
    return answer;
  });
  const told: Told[] = [];
  const read = async () => {
    let text = "";
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const events = (text + chunk).split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        const json = /^data: (.*)$/m.exec(event)?.[1];
        if (json) told.push(JSON.parse(json));
      }
    }
  };
  // It ends with the server.
  read().catch(() => {});
  return told;
}
