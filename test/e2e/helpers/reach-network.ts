/**
 * An internet in small: a server and a viewer each behind a router that translates addresses, a host with a container,
 * and a machine with an address of its own for the TURN server.
 */
import { Lab, type Namespace, type NetworkPrograms } from "./namespaces.ts";

export const TURN = "198.51.100.10";
/** The outer addresses of the server's router, the viewer's, and the container's host. */
export const SERVER_ROUTER = "198.51.100.20";
const VIEWER_ROUTER = "198.51.100.30";
export const HOST = "198.51.100.40";
/** Takes what is for nobody here, such as others' private addresses, and drops it. */
const GATEWAY = "198.51.100.1";
/** The server's own addresses. */
const SERVER = "192.168.10.2";
export const SERVER_IPV6 = "2001:db8:10::2";
const CONTAINER = "172.17.0.2";

export interface ReachNetwork {
  readonly lab: Lab;
  readonly turn: Namespace;
  readonly server: Namespace;
  /** In the server's LAN, with IPv6 alone. */
  readonly neighbour: Namespace;
  readonly viewer: Namespace;
  readonly container: Namespace;
  /** What the server's router forwards from its own address. */
  forward(...ports: readonly Port[]): void;
  /** What the container's host maps. */
  map(...ports: readonly Port[]): void;
  /** What the viewer's firewall lets out; everything unless told. */
  letOut(rule?: string): void;
}

export interface Port {
  readonly protocol: "tcp" | "udp";
  readonly outer: number;
  readonly inner: number;
}

export function reachNetwork(programs: NetworkPrograms): ReachNetwork {
  const lab = new Lab(programs);
  const [internet, turn, serverRouter, viewerRouter, host] = [
    "internet",
    "turn",
    "server-router",
    "viewer-router",
    "host",
  ].map((name) => lab.namespace(name)) as [Namespace, Namespace, Namespace, Namespace, Namespace];
  const outer = [
    [turn, TURN],
    [serverRouter, SERVER_ROUTER],
    [viewerRouter, VIEWER_ROUTER],
    [host, HOST],
  ] as const;
  for (const [n, [namespace, address]] of outer.entries()) {
    lab.cable(namespace, "wan", internet, `line${n}`);
    namespace.up("wan", `${address}/24`);
    namespace.defaultRoute(GATEWAY);
  }
  internet.bridge(
    "segment",
    outer.map((_, n) => `line${n}`),
    `${GATEWAY}/24`,
  );

  const [server, neighbour, viewer, container] = ["server", "neighbour", "viewer", "container"].map((name) =>
    lab.namespace(name),
  ) as [Namespace, Namespace, Namespace, Namespace];
  lab.cable(server, "eth0", serverRouter, "lan0");
  lab.cable(neighbour, "eth0", serverRouter, "lan1");
  serverRouter.bridge("lan", ["lan0", "lan1"], "192.168.10.1/24");
  server.up("eth0", `${SERVER}/24`, `${SERVER_IPV6}/64`);
  server.defaultRoute("192.168.10.1");
  neighbour.up("eth0", "2001:db8:10::3/64");
  // Without one Chromium takes it that there is no IPv6.
  neighbour.defaultRoute("2001:db8:10::1");
  lab.cable(viewer, "eth0", viewerRouter, "lan");
  viewerRouter.up("lan", "192.168.20.1/24");
  viewer.up("eth0", "192.168.20.2/24");
  viewer.defaultRoute("192.168.20.1");
  lab.cable(container, "eth0", host, "veth0");
  host.bridge("docker0", ["veth0"], "172.17.0.1/16");
  container.up("eth0", `${CONTAINER}/16`);
  container.defaultRoute("172.17.0.1");

  const forward = (router: Namespace, inside: string, ports: readonly Port[]) =>
    router.route(`table ip nat {
  chain prerouting { type nat hook prerouting priority dstnat
${ports.map(({ protocol, outer, inner }) => `    iifname "wan" ${protocol} dport ${outer} dnat to ${inside}:${inner}\n`).join("")}  }
  chain postrouting { type nat hook postrouting priority srcnat
    oifname "wan" masquerade
  }
}`);
  const network: ReachNetwork = {
    lab,
    turn,
    server,
    neighbour,
    viewer,
    container,
    forward: (...ports) => forward(serverRouter, SERVER, ports),
    map: (...ports) => forward(host, CONTAINER, ports),
    letOut: (rule = "accept") =>
      viewerRouter.route(`table ip nat {
  chain postrouting { type nat hook postrouting priority srcnat
    oifname "wan" masquerade
  }
}
table ip filter {
  chain forward { type filter hook forward priority filter; policy drop
    ct state established,related accept
    iifname "lan" ${rule}
  }
}`),
  };
  network.forward();
  network.map();
  network.letOut();
  return network;
}
