/** Asks STUN servers for the public address of this machine, and tests that TURN servers relay. */

import { type Millis, systemClock } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import type { Address } from "../network/address.ts";
import { isTurnUrl, turnCredentials } from "../network/ice-servers.ts";
import { TurnClient } from "../transport/stun/turn-client.ts";
import { openTurnConnection, readServerUrl } from "../transport/stun/turn-connection.ts";

/** The address that one server reported, or why it did not. */
export type ServerAnswer =
  | { readonly url: string; readonly address: Address }
  | { readonly url: string; readonly problem: string };

const ANSWER_TIMEOUT: Millis = 2000;

/**
 * The public addresses that servers see for one UDP port of this machine. It asks one server after the other from the
 * same port, so that a difference shows a symmetric NAT. Servers that are not asked over UDP are left out.
 * @param port the local port to ask from; 0 for any free one.
 */
export async function publicAddresses(urls: readonly string[], port: number): Promise<ServerAnswer[]> {
  const asked = urls.filter((url) => readServerUrl(url).by === "udp").slice(0, 2);
  const answers: ServerAnswer[] = [];
  let from = port;
  for (const url of asked) {
    const { answer, localPort } = await ask(url, from, (client) => client.bind());
    answers.push(answer);
    from = localPort;
  }
  return answers;
}

/** Allocates a relayed address at each TURN server, as for a viewer, and releases it. */
export async function relayedAddresses({ iceServers = [], ...secrets }: Config): Promise<ServerAnswer[]> {
  const credentials = turnCredentials(secrets, systemClock.now());
  return Promise.all(
    iceServers.filter(isTurnUrl).map(async (url) => {
      const { answer } = await ask(
        url,
        0,
        async (client) => {
          const relayed = await client.allocate();
          await client.permit(relayed.ip);
          return relayed;
        },
        credentials,
      );
      return answer;
    }),
  );
}

async function ask(
  url: string,
  port: number,
  question: (client: TurnClient) => Promise<Address>,
  credentials?: ReturnType<typeof turnCredentials>,
): Promise<{ answer: ServerAnswer; localPort: number }> {
  let client: TurnClient | undefined;
  const on = { message: (message: Buffer) => client?.receive(message), lost: () => client?.close() };
  const options = { clock: systemClock, credentials, timeout: ANSWER_TIMEOUT };
  try {
    const wire = await openTurnConnection(readServerUrl(url), on, {
      localPort: port,
      timeout: ANSWER_TIMEOUT,
    });
    client = new TurnClient({ ...options, send: (message) => wire.send(message) });
    try {
      return { answer: { url, address: await question(client) }, localPort: wire.localPort };
    } catch (error) {
      return { answer: { url, problem: reasonOf(error) }, localPort: wire.localPort };
    } finally {
      client.close();
      wire.close();
    }
  } catch (error) {
    return { answer: { url, problem: reasonOf(error) }, localPort: port };
  }
}
