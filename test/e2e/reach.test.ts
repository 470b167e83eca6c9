import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { launchChromiumIn } from "../helpers/browser.ts";
import { isCi } from "../setup/plan.ts";
import { describeWith } from "../setup/suites.ts";
import { type Coturn, startCoturn, TURN_PORT, TURN_SECRET, TURNS_PORT } from "./helpers/coturn.ts";
import { type Namespace, namespaceObstacle } from "./helpers/namespaces.ts";
import { openPlayer, stateOf, waitForState } from "./helpers/player.ts";
import {
  HOST,
  type ReachNetwork,
  reachNetwork,
  SERVER_IPV6,
  SERVER_ROUTER,
  TURN,
} from "./helpers/reach-network.ts";
import { runToEndAs, type ServerProcess, startServerAs } from "./helpers/server.ts";
import { framesDecoded, keepPeerConnections } from "./helpers/undisturbed.ts";

const PAGE = { protocol: "tcp", outer: 8080, inner: 8080 } as const;
const VIDEO = [
  { protocol: "udp", outer: 8081, inner: 8081 },
  { protocol: "tcp", outer: 8081, inner: 8081 },
] as const;

/** The way that the picture on the page comes by, as its browser tells. */
async function wayOf(page: Page) {
  return page.evaluate(async () => {
    const { kept } = window as unknown as { kept: RTCPeerConnection[] };
    const reports = [...((await kept.at(-1)?.getStats())?.values() ?? [])];
    const transport = reports.find(({ type }) => type === "transport");
    const pair = reports.find(({ id }) => id === transport?.selectedCandidatePairId);
    const [local, remote] = [pair?.localCandidateId, pair?.remoteCandidateId].map((candidate) =>
      reports.find(({ id }) => id === candidate),
    );
    return {
      from: local?.candidateType as string,
      relay: local?.relayProtocol as string | undefined,
      to: remote?.address as string,
      port: remote?.port as number,
      protocol: remote?.protocol as string,
    };
  });
}

describeWith(
  ["chromium", "ip", "nft", "coturn"],
  "a viewer in another network",
  ({ chromium, coturn, ip, nft }) => {
    const obstacle = ip === "" ? "" : namespaceObstacle({ ip, nft });
    if (obstacle && isCi(process.env)) throw new Error(`In CI nothing is left out, but ${obstacle}.`);
    if (obstacle) console.warn(`Left out: a viewer in another network, since ${obstacle}.`);

    describe.skipIf(obstacle !== undefined)("", () => {
      let network: ReachNetwork;
      let turn: Coturn;
      let browser: Browser;
      const ends: (() => Promise<unknown>)[] = [];

      beforeAll(async () => {
        network = reachNetwork({ ip, nft });
        turn = await startCoturn(coturn, network.turn, TURN);
        // coturn's certificate is self-signed.
        browser = await launchChromiumIn(network.viewer.name, chromium, "--ignore-certificate-errors");
      });
      afterEach(async () => {
        for (const end of ends.splice(0).reverse()) await end();
      });
      afterAll(async () => {
        await browser?.close();
        await turn?.stop();
        network?.lab.close();
      });

      async function serve(where: Namespace, ...options: string[]): Promise<ServerProcess> {
        const server = await startServerAs(
          (...command) => where.command(...command),
          "--port",
          "8080",
          ...options,
        );
        ends.push(() => server.stop());
        return server;
      }

      async function watch(url: string, from = browser): Promise<Page> {
        const page = await openPlayer(from, url, keepPeerConnections);
        ends.push(() => page.close());
        return page;
      }

      const turnOptions = (...urls: string[]) => [
        "--ice-servers",
        urls.join(","),
        "--turn-secret",
        TURN_SECRET,
      ];

      test("connects through the forwarded and announced port if both sides are behind a NAT", async () => {
        network.forward(PAGE, ...VIDEO);
        network.letOut();
        await serve(network.server, "--announce", SERVER_ROUTER);
        const page = await watch(`http://${SERVER_ROUTER}:8080/`);
        await waitForState(page, "live");
        expect(await wayOf(page)).toMatchObject({ to: SERVER_ROUTER, port: 8081, protocol: "udp" });
      });

      test("gets MJPEG if the port is forwarded but not announced", async () => {
        network.forward(PAGE, ...VIDEO);
        network.letOut();
        await serve(network.server);
        const page = await watch(`http://${SERVER_ROUTER}:8080/`);
        await waitForState(page, "fallback");
        expect((await stateOf(page)).transport).toBe("mjpeg");
      });

      test("whose firewall blocks UDP connects over TCP to the same port", async () => {
        network.forward(PAGE, ...VIDEO);
        network.letOut("meta l4proto tcp accept");
        await serve(network.server, "--announce", SERVER_ROUTER);
        const page = await watch(`http://${SERVER_ROUTER}:8080/`);
        await waitForState(page, "live");
        expect(await wayOf(page)).toMatchObject({ to: SERVER_ROUTER, port: 8081, protocol: "tcp" });
      });

      test.each([
        ["TCP", `turn:${TURN}:${TURN_PORT}?transport=tcp`, TURN_PORT, "tcp"],
        ["TLS", `turns:${TURN}:${TURNS_PORT}`, TURNS_PORT, "tls"],
      ])(
        "whose firewall allows only the page and %s to TURN connects through TURN",
        async (_, url, port, relay) => {
          network.forward(PAGE, ...VIDEO);
          network.letOut(`tcp dport { 8080, ${port} } accept`);
          await serve(network.server, "--announce", SERVER_ROUTER, ...turnOptions(url));
          const page = await watch(`http://${SERVER_ROUTER}:8080/`);
          await waitForState(page, "live");
          expect(await wayOf(page)).toMatchObject({
            from: "relay",
            relay,
            to: SERVER_ROUTER,
            protocol: "udp",
          });
        },
      );

      test("connects only through TURN if it is told to", async () => {
        network.forward(PAGE, ...VIDEO);
        network.letOut();
        const url = `turn:${TURN}:${TURN_PORT}`;
        await serve(network.server, "--announce", SERVER_ROUTER, ...turnOptions(url), "--relay-only");
        const page = await watch(`http://${SERVER_ROUTER}:8080/`);
        await waitForState(page, "live");
        expect(await wayOf(page)).toMatchObject({ from: "relay", relay: "udp", to: SERVER_ROUTER });
      });

      test("connects through TURN if the server's router forwards only the page's port", async () => {
        network.forward(PAGE);
        network.letOut();
        await serve(network.server, ...turnOptions(`turn:${TURN}:${TURN_PORT}`));
        const page = await watch(`http://${SERVER_ROUTER}:8080/`);
        await waitForState(page, "live");
        expect(await wayOf(page)).toMatchObject({ from: "relay", relay: "udp", to: TURN });
        // It goes on, by a channel as well as at first without one.
        const before = await framesDecoded(page);
        await vi.waitFor(async () => expect(await framesDecoded(page)).toBeGreaterThan(before + 20), 20_000);
      });

      test("connects to a container through mapped ports that differ outside and inside", async () => {
        const video = VIDEO.map((port) => ({ ...port, outer: 9000 }));
        network.map({ ...PAGE, outer: 80 }, ...video);
        network.letOut();
        await serve(network.container, "--announce", `${HOST}:9000`);
        const page = await watch(`http://${HOST}/`);
        await waitForState(page, "live");
        expect(await wayOf(page)).toMatchObject({ to: HOST, port: 9000, protocol: "udp" });
      });

      test("gets the result that the doctor predicts, with the one setting to change", async () => {
        const doctor = (...options: string[]) =>
          runToEndAs((...command) => network.server.command(...command), "doctor", ...options);
        const stun = `stun:${TURN}:${TURN_PORT}`;
        const behind = await doctor("--ice-servers", stun);
        expect(behind.output).toMatch(/✓ Addresses +192\.168\.10\.2, 2001:db8:10::2\n/);
        expect(behind.output).toContain(`${stun} sees ${SERVER_ROUTER} port`);
        expect(behind.output).toMatch(/8080 .* --announce .*198\.51\.100\.20/);
        expect(behind.code).toBe(0);

        const urls = ["turn:", "turn:", "turns:"].map((scheme) => `${scheme}${TURN}`);
        const [udp, tcp, tls] = [urls[0], `${urls[1]}?transport=tcp`, urls[2]];
        const relayed = await doctor(...turnOptions(`${udp}`, `${tcp}`));
        expect(relayed.output).toContain(`${udp} relays at ${TURN}`);
        expect(relayed.output).toContain(`${tcp} relays at ${TURN}`);
        expect(relayed.output).toMatch(/from elsewhere +video by TURN/);
        expect(relayed.code).toBe(0);

        // Nobody vouches for coturn's certificate, and its secret is another.
        const broken = await doctor("--ice-servers", `${udp},${tls}`, "--turn-secret", "mistyped");
        expect(broken.output).toMatch(/✗ TURN +turn:.* 401/);
        expect(broken.output).toMatch(/✗ TURN +turns:.* certificate/);
        expect(broken.output).toContain("give its secret with --turn-secret");
        expect(broken.code).toBe(1);
      });

      test("in the server's own LAN connects over IPv6 if it has nothing else", async () => {
        await serve(network.server);
        // Names in place of local addresses take multicast, which finds no way here.
        const plain = "--disable-features=WebRtcHideLocalIpsWithMdns";
        const neighbour = await launchChromiumIn(network.neighbour.name, chromium, plain);
        ends.push(() => neighbour.close());
        const page = await watch(`http://[${SERVER_IPV6}]:8080/`, neighbour);
        await waitForState(page, "live");
        expect(await wayOf(page)).toMatchObject({ to: SERVER_IPV6, protocol: "udp" });
      });
    });
  },
);
