/**
 * The options of a program that starts a server. Written by `npm run write-options` from `src/config/options.ts`:
 * edit that file.
 */
import type { LogLine } from "./types.ts";

/** The options of `startRendercast`: those of the command line. Secrets belong in variables, not in code. */
export interface RendercastOptions {
  /** Takes the lines of the log. Default: nothing is logged. */
  readonly log?: LogLine;

  // ---- Page and network ----
  /** TCP port of the page, signaling and MJPEG; 0 picks a free port. Default: 8080. */
  readonly port?: number | undefined;
  /** Address to listen on: :: for every address of this machine, 127.0.0.1 for this machine alone. Default: ::. */
  readonly host?: string | undefined;
  /** UDP and TCP port of the video; 0 picks a free port; default: the port above --port, if it is free. */
  readonly rtcPort?: number | undefined;
  /** Address to send and receive video on, if it is not --host (behind a reverse proxy, for example). */
  readonly rtcHost?: string | undefined;
  /** Public addresses or hostnames for viewers behind NAT; add :PORT if it differs; separate several by commas. */
  readonly announce?: string | readonly string[] | undefined;
  /** STUN and TURN servers for viewers, separated by commas: stun:HOST, turn:HOST, turn:HOST?transport=tcp, turns:HOST. */
  readonly iceServers?: string | readonly string[] | undefined;
  /** Secret shared with the TURN servers (use-auth-secret in coturn); each viewer gets temporary credentials made from it. */
  readonly turnSecret?: string | undefined;
  /** Fixed credentials for TURN servers without a shared secret; every viewer can read them. */
  readonly turnUser?: string | undefined;
  /** Make viewers connect through the TURN servers only. */
  readonly relayOnly?: boolean | undefined;
  /** Serve HTTPS with this certificate chain (PEM); the server reloads the file when it changes. */
  readonly tlsCert?: string | undefined;
  /** Private key of the certificate (PEM). */
  readonly tlsKey?: string | undefined;
  /** Addresses or networks of reverse proxies; the server believes their X-Forwarded-For, -Proto and -Host headers. */
  readonly trustProxy?: string | readonly string[] | undefined;
  /** Additional host names under which browsers can open a server without tokens, such as render.example.com, *.example.com, or * for all. */
  readonly publicHost?: string | readonly string[] | undefined;
  /** Origins of other sites whose pages may show the streams, such as https://studio.example, or * for all. */
  readonly embedFrom?: string | readonly string[] | undefined;

  // ---- Source ----
  /** Name of the stream, as in /streams/NAME. Default: main. */
  readonly name?: string | undefined;
  /** Show the picture that a render loop writes to this folder. */
  readonly folder?: string | undefined;
  /** Name of the picture in the folder, a JPEG. Default: img.jpg. */
  readonly picture?: string | undefined;
  /** Name of the file with a picture's data, a JSON object; the loop writes it before the picture. Default: img_data.json. */
  readonly data?: string | undefined;
  /** Flag file in the folder: 0 while the loop writes the picture, 1 when the picture is complete. Default: img_written.txt. */
  readonly written?: string | undefined;
  /** Flag file in the folder: 1 while the loop runs, 0 after it has ended. Default: img_running.txt. */
  readonly running?: string | undefined;
  /** Seconds without a picture after which the source counts as stalled. Default: 5. */
  readonly stallAfter?: number | undefined;
  /** Size of the picture in pixels, for Blender and the built-in scene. Default: 480x270. */
  readonly size?: string | undefined;
  /** Frames per second, for Blender and the built-in scene. Default: 20. */
  readonly fps?: number | undefined;
  /** What viewers with the right to control may do, if the publisher allows it: off, or orbit to turn the camera. Default: off. */
  readonly control?: "off" | "orbit" | undefined;
  /** Also accept publishers on this machine over a Unix socket at this path. */
  readonly ingestSocket?: string | undefined;

  // ---- Blender ----
  /** Start Blender in the background with this .blend file; you can leave out --scene. */
  readonly scene?: string | undefined;
  /** Start Blender with this Python script, which can build the scene and publish data. */
  readonly script?: string | undefined;
  /** Let Blender run the scripts inside the .blend file, as this user; only for files that you trust. */
  readonly trustScripts?: boolean | undefined;
  /** The Blender program; default: searched on the PATH and in the usual places. */
  readonly blender?: string | undefined;
  /** Camera to render; default: the active camera of the scene. */
  readonly camera?: string | undefined;
  /** Render engine: workbench, eevee, cycles, or scene for the engine that the scene sets. Default: workbench. */
  readonly engine?: "workbench" | "eevee" | "cycles" | "scene" | undefined;
  /** How to play the animation of the scene: loop, once or off. Default: loop. */
  readonly animate?: "loop" | "once" | "off" | undefined;
  /** Name of an object to rotate, active for the active object, or none. */
  readonly turn?: string | undefined;

  // ---- Access ----
  /** Require this token to publish, as 'Authorization: Bearer SECRET'. */
  readonly publishToken?: string | undefined;
  /** Require this token, or a share link, to watch; default: anyone can watch. */
  readonly viewToken?: string | undefined;
  /** Token that allows reading /metrics, listing viewers, and making and revoking links. */
  readonly operateToken?: string | undefined;
  /** Token that allows turning the camera, and watching; needs --control. */
  readonly controlToken?: string | undefined;
  /** Whether programs on this machine can publish, control and operate without a token: on, off, or auto, which means on until another option sets a token for it or names a proxy. Default: auto. */
  readonly trustThisMachine?: "auto" | "on" | "off" | undefined;
  /** Accept JWTs signed with this secret (HS256) as tokens, and require a token to watch. */
  readonly jwtSecret?: string | undefined;
  /** Accept JWTs signed with one of the public keys at this URL as tokens, and require a token to watch. */
  readonly jwks?: string | undefined;
  /** Accept only JWTs with this iss claim. */
  readonly jwtIssuer?: string | undefined;
  /** Accept only JWTs with this name in their aud claim, or any for every audience; required with --jwks. */
  readonly jwtAudience?: string | undefined;
  /** Revoke all share links made before this start. */
  readonly revokeLinks?: boolean | undefined;
  /** Folder for the key that signs share links; default: $XDG_STATE_HOME/rendercast, or ~/.local/state/rendercast. */
  readonly stateDir?: string | undefined;

  // ---- Video ----
  /** Video bitrate in kbit/s; 0 derives it from size and frame rate. Default: 0. */
  readonly bitrate?: number | undefined;
  /** Video codecs in order of preference; each viewer gets the first one that its browser supports, or h264 if its device prefers that; av1 needs a graphics processor that encodes it. Default: vp8,h264. */
  readonly codecs?: string | readonly string[] | undefined;

  // ---- Forwarding ----
  /** Also send the stream --name to these targets, separated by commas: rtp://HOST:PORT, or whip+https://... for an SFU. */
  readonly forward?: string | readonly string[] | undefined;
  /** Token for the WHIP endpoints of --forward. */
  readonly forwardToken?: string | undefined;
  /** Renditions to send to WHIP endpoints that support simulcast, each with a quarter of the bitrate of the one before; 1 sends the full one alone. Default: 3. */
  readonly forwardRenditions?: number | undefined;
  /** Write an SDP file for receivers of --forward rtp://, for example for ffplay FILE. */
  readonly forwardSdp?: string | undefined;

  // ---- Limits ----
  /** Viewers at the same time, WebRTC and MJPEG together. Default: 50. */
  readonly maxViewers?: number | undefined;
  /** Viewers of one stream at the same time; default: the value of --max-viewers. */
  readonly maxViewersPerStream?: number | undefined;
  /** Viewers at the same time from one IPv4 address or one IPv6 /64 network. Default: 20. */
  readonly maxViewersPerAddress?: number | undefined;
  /** Streams at the same time; a publisher creates a stream by publishing to its name. Default: 16. */
  readonly maxStreams?: number | undefined;
  /** Largest picture that a publisher can send, in MiB. Default: 64. */
  readonly maxFrameMb?: number | undefined;
  /** Largest picture that a publisher can send, in millions of pixels. Default: 17. */
  readonly maxMegapixels?: number | undefined;

  // ---- Operation ----
  /** Redis server that joins this server with others behind the same address, such as redis://:PASSWORD@10.0.0.5. */
  readonly redis?: string | undefined;
  /** Worker threads for sending video besides the main thread; 0 is off. Default: 0. */
  readonly workers?: number | undefined;
}
