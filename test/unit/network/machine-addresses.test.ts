import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { machineAddresses } from "../../../src/network/machine-addresses.ts";

function at(...addresses: string[]): NetworkInterfaceInfo[] {
  return addresses.map((address) => {
    const rest = { netmask: "", mac: "", cidr: null, internal: address === "127.0.0.1" || address === "::1" };
    return address.includes(":")
      ? { address, family: "IPv6", scopeid: 0, ...rest }
      : { address, family: "IPv4", ...rest };
  });
}

const lo = at("127.0.0.1", "::1");

test("the addresses are those of all interfaces, IPv4 before IPv6, each once", () => {
  const eth0 = at("fd00::5", "2001:db8::5", "192.168.1.5");
  expect(machineAddresses({ lo, eth0, wg0: at("10.8.0.1"), tailscale0: at("10.8.0.1") })).toEqual([
    "192.168.1.5",
    "10.8.0.1",
    "fd00::5",
    "2001:db8::5",
  ]);
});

test("the addresses exclude loopback, link-local ones and bridges of containers and virtual machines", () => {
  const interfaces = {
    lo,
    docker0: at("172.17.0.1"),
    "br-0123456789ab": at("172.18.0.1"),
    virbr0: at("192.168.122.1"),
    eth0: at("192.168.1.5", "fe80::5", "FEBF::5"),
    usb0: at("169.254.3.4"),
  };
  expect(machineAddresses(interfaces)).toEqual(["192.168.1.5"]);
});

test("the addresses include a bridge that carries the network, such as a user's own", () => {
  expect(machineAddresses({ lo, br0: at("192.168.1.5"), "br-lan": at("192.168.2.1") })).toEqual([
    "192.168.1.5",
    "192.168.2.1",
  ]);
});

test("the addresses include excluded ones if there are no others", () => {
  expect(machineAddresses({ lo, docker0: at("172.17.0.1"), eth0: at("fe80::5") })).toEqual(["172.17.0.1"]);
  expect(machineAddresses({ lo })).toEqual(["127.0.0.1", "::1"]);
  expect(machineAddresses({})).toEqual([]);
});

test("there are 8 addresses at most", () => {
  expect(machineAddresses({ eth0: at(...Array.from({ length: 50 }, (_, n) => `10.0.0.${n}`)) })).toHaveLength(
    8,
  );
});
