/** What options demand of each other. An option without effect is an error: most likely another one was forgotten. */
import { UsageError } from "../base/errors.ts";
import { isTurnUrl } from "../network/ice-servers.ts";
import type { Target } from "./forward-target.ts";
import { type Config, OPTIONS, type Option } from "./options.ts";

/** How the user gave an option: as `--flag` or as its variable; undefined if not at all. */
type NameOf = (option: Option) => string | undefined;

/** What the options are given to: the server, or the doctor. */
export type Use = "serve" | "doctor";

/**
 * Checks options against each other.
 * @throws {UsageError} at the first contradiction, with one sentence.
 */
export function checkConsistency(config: Config, nameOf: NameOf, use: Use): void {
  checkSource(config, nameOf, use);
  checkServer(config);
  checkTokens(config);
  checkTurn(config);
  checkForward(config);
}

function checkSource({ folder, scene, script }: Config, nameOf: NameOf, use: Use): void {
  if (folder !== undefined && (scene !== undefined || script !== undefined))
    throw new UsageError("Give --folder, or a scene or script for Blender, but not both.");
  if (scene !== undefined || script !== undefined) return;
  const { blender, camera, engine, animate, turn, trustScripts } = OPTIONS;
  for (const option of [blender, camera, engine, animate, turn, trustScripts]) {
    const name = nameOf(option);
    // The doctor checks it; and a user's profile may set the path of Blender for all starts.
    const isPath = option === blender && (use === "doctor" || !name?.startsWith("--"));
    if (name === undefined || isPath) continue;
    throw new UsageError(
      `${name} is for the Blender that rendercast starts: name a .blend file too, or a script with --script.`,
    );
  }
}

function checkServer({ port, rtcPort, tlsCert, tlsKey, redis }: Config): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UsageError("TLS needs both files: give --tls-cert and --tls-key.");
  if (rtcPort !== undefined && rtcPort !== 0 && rtcPort === port)
    throw new UsageError("The video needs a port of its own: --rtc-port and --port must differ.");
  if (redis !== undefined && tlsCert !== undefined)
    throw new UsageError(
      "Servers joined by --redis speak HTTP with each other: give the certificate to the load balancer instead.",
    );
}

/** Identity providers sign tokens for many services: one for another service must open nothing here (RFC 8725, 3.9). */
function checkTokens({ jwtSecret, jwks, jwtIssuer, jwtAudience, control, controlToken }: Config): void {
  if (controlToken !== undefined && control === "off")
    throw new UsageError("--control-token has no effect while control is off: give --control orbit too.");
  if (jwks !== undefined && jwtAudience === undefined)
    throw new UsageError(
      "--jwks needs --jwt-audience: give the aud claim of the tokens for this server, or any to accept every audience.",
    );
  const given = jwtIssuer !== undefined ? "--jwt-issuer" : jwtAudience !== undefined && "--jwt-audience";
  if (given && jwtSecret === undefined && jwks === undefined)
    throw new UsageError(`${given} is for signed tokens: give their key with --jwt-secret or --jwks.`);
}

function checkTurn({ iceServers = [], turnSecret, turnUser, relayOnly }: Config): void {
  const hasTurn = iceServers.some(isTurnUrl);
  const given = [
    turnSecret !== undefined && "--turn-secret",
    turnUser !== undefined && "--turn-user",
    relayOnly && "--relay-only",
  ].find((flag) => flag);
  if (!hasTurn && given)
    throw new UsageError(`${given} needs a TURN server: name one with --ice-servers turn:HOST.`);
  if (hasTurn && turnSecret === undefined && turnUser === undefined)
    throw new UsageError("TURN servers need credentials: give --turn-secret or --turn-user.");
  if (turnSecret !== undefined && turnUser !== undefined)
    throw new UsageError("Give --turn-secret or --turn-user, but not both.");
}

function checkForward({ forward = [], forwardToken, forwardSdp }: Config): void {
  const count = (wanted: Target["kind"]) => forward.filter(({ kind }) => kind === wanted).length;
  if (forwardToken !== undefined && count("whip") === 0)
    throw new UsageError("--forward-token is for WHIP: name an endpoint with --forward whip+https://...");
  if (forwardSdp !== undefined && count("rtp") !== 1)
    throw new UsageError(
      "--forward-sdp describes one RTP stream: name its target with --forward rtp://HOST:PORT.",
    );
}
