/** What STUN and TURN servers say: how this machine is seen from outside, and whether they relay for it. */

import { systemClock } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import type { Address } from "../network/address.ts";
import { isTurnUrl, turnCredentials } from "../network/ice-servers.ts";
import { TurnClient } from "../transport/stun/turn-client.ts";
import { openTurnConnection, readServerUrl } from "../transport/stun/turn-connection.ts";

/** What one server answered; `problem` where it did not do what it is for. */
export type ServerAnswer =
  | { readonly url: string; readonly address: Address }
  | { readonly url: string; readonly problem: string };

const PATIENCE = 2000;

/**
 * The addresses that this machine is seen at, from one UDP port, by the servers that are asked over UDP. One after
 * the other: what differs is the NAT's doing.
 * @param port to ask from; 0 for any free one.
 */
export async function seenFrom(urls: readonly string[], port: number): Promise<ServerAnswer[]> {
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

/** Has each TURN server relay for a moment, as it would for a viewer: the addresses that it would relay at. */
export async function relaysOf({ iceServers = [], ...secrets }: Config): Promise<ServerAnswer[]> {
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
  const options = { clock: systemClock, credentials, timeout: PATIENCE };
  try {
    const wire = await openTurnConnection(readServerUrl(url), on, { localPort: port, timeout: PATIENCE });
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
