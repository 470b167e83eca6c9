import { beforeEach, describe, expect, test, vi } from "vitest";
import { Message, parseMessage } from "werift";
import type { Route } from "../../../src/transport/io/route.ts";
import { Endpoint, VIEWER_TIMEOUT } from "../../../src/transport/port/endpoint.ts";
import { readBindingRequest } from "../../../src/transport/stun/check.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const PASSWORD = "a password of twenty-two";
const RTCP = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 7]);
/** A DTLS record of epoch 1, which should be sealed. */
const SEALED = Buffer.from([23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 1, 2, 3]);
const HELLO = Buffer.from([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 1, 2, 3]);

class FakeRoute implements Route {
  readonly address;
  readonly protocol = "udp";
  readonly sent: Buffer[] = [];

  constructor(port: number) {
    this.address = { ip: "192.0.2.7", port };
  }

  send(datagram: Buffer): void {
    this.sent.push(datagram);
  }

  sendMedia(): void {}
}

let clock: FakeClock;
let endpoint: Endpoint;
let routes: Map<string, FakeRoute>;
let transactions: number;
const events = { routed: vi.fn(), nominated: vi.fn(), dtls: vi.fn(), rtp: vi.fn(), silent: vi.fn() };

beforeEach(() => {
  vi.resetAllMocks();
  clock = new FakeClock();
  endpoint = new Endpoint(clock, events);
  routes = new Map();
  transactions = 0;
});

function routeBy(key: string): FakeRoute {
  const route = routes.get(key) ?? new FakeRoute(40_000 + routes.size);
  routes.set(key, route);
  return route;
}

/** A connectivity check by an independent implementation. */
function newCheck(nominate: boolean): Buffer {
  const transaction = Buffer.alloc(12);
  transaction.writeUInt32BE(transactions++);
  const message = new Message(1, 0, transaction)
    .setAttribute("USERNAME", "ours:theirs")
    .setAttribute("PRIORITY", 1);
  if (nominate) message.setAttribute("USE-CANDIDATE", null);
  return message.addMessageIntegrity(Buffer.from(PASSWORD)).addFingerprint().bytes;
}

/** Receives a check of the viewer on this route. */
function check(key: string, { nominate = false, datagram = newCheck(nominate) } = {}): string[] | undefined {
  const request = readBindingRequest(datagram);
  if (!request) throw new Error("not a check");
  return endpoint.check(datagram, request, PASSWORD, key, routeBy(key));
}

const inUse = () => [...routes].find(([, route]) => route === endpoint.route)?.[0];

describe("a check", () => {
  test("is answered on its route, with its source address", () => {
    check("a");
    const [answer = Buffer.alloc(0)] = routeBy("a").sent;
    const parsed = parseMessage(answer, Buffer.from(PASSWORD));
    expect(parsed?.getAttributeValue("XOR-MAPPED-ADDRESS")).toEqual(["192.0.2.7", 40_000]);
  });

  test("retransmitted on the same route is answered again, because the answer may be lost", () => {
    const datagram = newCheck(false);
    check("a", { datagram });
    expect(check("a", { datagram })).toEqual([]);
    expect(routeBy("a").sent).toHaveLength(2);
  });

  test("replayed from another address is refused: no answer, no change of route", () => {
    check("a", { nominate: true });
    const datagram = newCheck(true);
    check("a", { datagram });
    expect(check("thief", { datagram })).toBeUndefined();
    expect(routeBy("thief").sent).toEqual([]);
    expect(inUse()).toBe("a");
    expect(endpoint.receive(RTCP, "thief")).toBe(false);
  });

  test("replayed is refused after dozens of later checks", () => {
    const datagram = newCheck(true);
    check("a", { datagram });
    for (let n = 0; n < 60; n++) check("a");
    expect(check("thief", { datagram })).toBeUndefined();
  });
});

describe("the selected route", () => {
  test("is undefined until the viewer nominates one", () => {
    check("a");
    check("b");
    expect(endpoint.route).toBeUndefined();
    expect(events.nominated).not.toHaveBeenCalled();
    const datagram = newCheck(true);
    check("b", { datagram });
    expect(inUse()).toBe("b");
    expect(events.nominated).toHaveBeenCalledExactlyOnceWith(datagram);
  });

  test("is the one nominated last", () => {
    check("a", { nominate: true });
    check("b", { nominate: true });
    expect(inUse()).toBe("b");
    check("a");
    expect(inUse()).toBe("b");
    check("a", { nominate: true });
    expect(inUse()).toBe("a");
    expect(events.nominated).toHaveBeenCalledTimes(1);
  });

  test("is replaced by another checked route once it is silent", async () => {
    check("a", { nominate: true });
    await clock.advance(2999);
    check("b");
    expect(inUse()).toBe("a");
    await clock.advance(1);
    check("b");
    expect(inUse()).toBe("b");
  });

  test("is kept while authentic packets arrive on it", async () => {
    check("a", { nominate: true });
    for (let second = 0; second < 10; second++) {
      await clock.advance(1000);
      endpoint.heard("a");
      check("b");
      expect(inUse()).toBe("a");
    }
  });

  test("is replaced although packets arrive on it that are not authentic", async () => {
    check("a", { nominate: true });
    for (let second = 0; second < 3; second++) {
      await clock.advance(1000);
      for (const datagram of [RTCP, SEALED, HELLO]) endpoint.receive(datagram, "a");
    }
    check("b");
    expect(inUse()).toBe("b");
  });

  test("is not changed by a replayed nomination of another route", () => {
    const datagram = newCheck(true);
    check("a", { datagram });
    check("b", { nominate: true });
    expect(check("a", { datagram })).toEqual([]);
    expect(inUse()).toBe("b");
  });

  test("when lost is replaced by the route checked last", () => {
    for (const key of ["a", "b", "c"]) check(key, { nominate: true });
    check("a");
    endpoint.lost("c");
    expect(inUse()).toBe("a");
    endpoint.lost("b");
    expect(inUse()).toBe("a");
  });

  test("when the only one is lost, the next checked route replaces it without a new nomination event", () => {
    check("a", { nominate: true });
    endpoint.lost("a");
    expect(endpoint.route).toBeUndefined();
    check("b");
    expect(inUse()).toBe("b");
    expect(events.nominated).toHaveBeenCalledTimes(1);
  });
});

describe("many routes", () => {
  test("above the limit the oldest are evicted and returned", () => {
    for (let n = 0; n < 16; n++) expect(check(`route ${n}`)).toEqual([]);
    check("route 0");
    expect(check("route 16")).toEqual(["route 1"]);
    expect(check("route 17")).toEqual(["route 2"]);
    expect([...endpoint.keys()]).toHaveLength(16);
    expect(endpoint.receive(RTCP, "route 1")).toBe(false);
    expect(endpoint.receive(RTCP, "route 0")).toBe(true);
  });

  test("never evict the selected one", () => {
    check("chosen", { nominate: true });
    for (let n = 0; n < 50; n++) expect(check(`route ${n}`)).not.toContain("chosen");
    expect(inUse()).toBe("chosen");
    expect(endpoint.receive(RTCP, "chosen")).toBe(true);
    expect([...endpoint.keys()]).toHaveLength(16);
  });
});

describe("datagrams other than checks", () => {
  test("pass by kind if a check came from their address", () => {
    check("a", { nominate: true });
    check("b");
    for (const key of ["a", "b"]) {
      expect(endpoint.receive(RTCP, key)).toBe(true);
      expect(endpoint.receive(SEALED, key)).toBe(true);
    }
    expect(events.rtp.mock.calls).toEqual([
      [RTCP, "a"],
      [RTCP, "b"],
    ]);
    expect(events.dtls.mock.calls).toEqual([
      [SEALED, "a"],
      [SEALED, "b"],
    ]);
  });

  test("do not pass from other addresses", () => {
    check("a", { nominate: true });
    for (const datagram of [RTCP, SEALED, HELLO]) expect(endpoint.receive(datagram, "b")).toBe(false);
    expect(events.rtp).not.toHaveBeenCalled();
    expect(events.dtls).not.toHaveBeenCalled();
  });

  test("a ClientHello passes until the handshake is done", () => {
    check("a", { nominate: true });
    expect(endpoint.receive(HELLO, "a")).toBe(true);
    endpoint.handshakeDone();
    expect(endpoint.receive(HELLO, "a")).toBe(false);
    expect(events.dtls.mock.calls).toEqual([[HELLO, "a"]]);
  });

  test("DTLS records in the wrong phase do not pass", () => {
    check("a", { nominate: true });
    const alert = Buffer.from([21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0]);
    expect(endpoint.receive(alert, "a")).toBe(false);
    expect(events.dtls).not.toHaveBeenCalled();
  });

  test("keep the address while they are authentic", async () => {
    check("a");
    expect(endpoint.holds("a")).toBe(true);
    expect(endpoint.holds("b")).toBe(false);
    await clock.advance(2999);
    endpoint.heard("a");
    await clock.advance(2999);
    endpoint.receive(RTCP, "a");
    expect(endpoint.holds("a")).toBe(true);
    await clock.advance(1);
    expect(endpoint.holds("a")).toBe(false);
  });
});

describe("silence", () => {
  test("of a connected viewer is reported after the timeout", async () => {
    check("a", { nominate: true });
    endpoint.handshakeDone();
    await clock.advance(VIEWER_TIMEOUT);
    endpoint.checkFreshness();
    expect(events.silent).not.toHaveBeenCalled();
    await clock.advance(1);
    endpoint.checkFreshness();
    expect(events.silent).toHaveBeenCalledOnce();
  });

  test("is not ended by packets that are not authentic, or by replayed checks", async () => {
    const datagram = newCheck(true);
    check("a", { datagram });
    endpoint.handshakeDone();
    for (let past = 0; past <= VIEWER_TIMEOUT; past += 500) {
      await clock.advance(500);
      for (const one of [RTCP, SEALED, HELLO]) endpoint.receive(one, "a");
      check("a", { datagram });
    }
    endpoint.checkFreshness();
    expect(events.silent).toHaveBeenCalledOnce();
  });

  test("is ended by a check or any other authentic packet", async () => {
    check("a", { nominate: true });
    endpoint.handshakeDone();
    await clock.advance(VIEWER_TIMEOUT - 1000);
    endpoint.heard("a");
    await clock.advance(VIEWER_TIMEOUT - 1000);
    check("a");
    await clock.advance(VIEWER_TIMEOUT - 1000);
    endpoint.checkFreshness();
    expect(events.silent).not.toHaveBeenCalled();
  });

  test("of a viewer that never connected is not reported", async () => {
    check("a", { nominate: true });
    await clock.advance(60_000);
    endpoint.checkFreshness();
    expect(events.silent).not.toHaveBeenCalled();
  });
});

test("reports each change of the route once", () => {
  check("a", { nominate: true });
  check("a", { nominate: true });
  check("b");
  expect(events.routed.mock.calls).toEqual([[routeBy("a")]]);
  check("b", { nominate: true });
  endpoint.lost("b");
  expect(events.routed.mock.calls.slice(1)).toEqual([[routeBy("b")], [routeBy("a")]]);
  endpoint.lost("a");
  expect(events.routed).toHaveBeenLastCalledWith(undefined);
});

test("reads a few hundred datagrams per second of a flood, and keeps the route", async () => {
  check("a", { nominate: true });
  const read = () => Array.from({ length: 2000 }, () => endpoint.receive(RTCP, "a")).filter(Boolean).length;
  expect(read()).toBe(400);
  await clock.advance(999);
  expect(read()).toBe(0);
  await clock.advance(1);
  expect(read()).toBe(400);
  expect(inUse()).toBe("a");
});
