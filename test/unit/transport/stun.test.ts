import { describe, expect, test } from "vitest";
import { Message, parseMessage } from "werift";
import { ipBytes } from "../../../src/network/address.ts";
import { bindingResponse, readBindingRequest, unknownAttributes } from "../../../src/transport/stun/check.ts";
import {
  ATTRIBUTE,
  METHOD,
  readErrorCode,
  readMessage,
  writeMessage,
} from "../../../src/transport/stun/message.ts";

const PASSWORD = "a password of twenty-two";

/** A check with attributes of these types besides. */
function checkWith(...types: number[]): Buffer {
  const username = [ATTRIBUTE.username, Buffer.from("ours:theirs")] as const;
  const others = types.map((type) => [type, Buffer.alloc(4)] as const);
  return writeMessage(METHOD.binding, Buffer.from("0123456789ab"), [username, ...others], PASSWORD);
}

/** A connectivity check by an independent implementation. */
function check({ username = "ours:theirs", password = PASSWORD, nominate = true } = {}): Buffer {
  const message = new Message(1, 0, Buffer.from("0123456789ab"));
  message.setAttribute("USERNAME", username).setAttribute("PRIORITY", 1);
  if (nominate) message.setAttribute("USE-CANDIDATE", null);
  message.addMessageIntegrity(Buffer.from(password)).addFingerprint();
  return message.bytes;
}

describe("a connectivity check", () => {
  test("names the username fragment, and whether it nominates the pair", () => {
    expect(readBindingRequest(check())).toMatchObject({ localFragment: "ours", useCandidate: true });
    expect(readBindingRequest(check({ nominate: false }))?.useCandidate).toBe(false);
  });

  test("is authentic only with its password, and unchanged", () => {
    expect(readBindingRequest(check())?.isAuthentic(PASSWORD)).toBe(true);
    expect(readBindingRequest(check({ password: "another" }))?.isAuthentic(PASSWORD)).toBe(false);
    const sound = check();
    // Everything before the HMAC; FINGERPRINT after it is not covered.
    for (let at = 0; at < sound.length - 8; at++) {
      const changed = Buffer.from(sound);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(readBindingRequest(changed)?.isAuthentic(PASSWORD) ?? false).toBe(false);
    }
  });

  test("is not read without MESSAGE-INTEGRITY, truncated or of another type", () => {
    const bare = new Message(1, 0, Buffer.from("0123456789ab")).setAttribute("USERNAME", "ours:theirs").bytes;
    expect(readBindingRequest(bare)).toBeUndefined();
    const response = new Message(1, 256, Buffer.from("0123456789ab")).addMessageIntegrity(
      Buffer.from(PASSWORD),
    );
    expect(readBindingRequest(response.bytes)).toBeUndefined();
    const sound = check();
    for (let length = 0; length < sound.length; length++) {
      expect(readBindingRequest(sound.subarray(0, length))).toBeUndefined();
    }
  });

  test("is read up to its MESSAGE-INTEGRITY only", () => {
    const sound = check({ nominate: false });
    const useCandidate = Buffer.from([0x00, 0x25, 0, 0]);
    const changed = Buffer.concat([sound.subarray(0, -8), useCandidate]);
    changed.writeUInt16BE(changed.length - 20, 2);
    expect(readBindingRequest(changed)).toMatchObject({ useCandidate: false });
  });
});

describe("the answer", () => {
  test("to attributes that must be understood and are not is error 420, which names them", () => {
    const request = readBindingRequest(checkWith(0x7abc, 0xc001, 0x0003));
    expect(request?.unknown).toEqual([0x7abc, 0x0003]);
    if (!request) throw new Error("no request");
    const answer = readMessage(unknownAttributes(request, PASSWORD));
    if (!answer) throw new Error("no answer");
    expect(answer.type).toBe(0x0111);
    expect(answer.transaction).toEqual(Buffer.from("0123456789ab"));
    expect(answer.isAuthentic(Buffer.from(PASSWORD))).toBe(true);
    expect(readErrorCode(answer)).toEqual({ code: 420, reason: "Unknown Attribute" });
    expect(answer.attributes.get(0x000a)?.toString("hex")).toBe("7abc0003");
  });

  test("to a browser's check is none of that", () => {
    expect(readBindingRequest(checkWith(0x0024, 0x0025, 0x802a, 0xc057))?.unknown).toEqual([]);
  });

  test.each(["192.0.2.7", "2001:db8::7", "fe80::1%eth0"])("tells the viewer its address %s", (ip) => {
    const request = readBindingRequest(check());
    if (!request) throw new Error("no request");
    const answer = parseMessage(
      bindingResponse(request, { ip, port: 40_000 }, PASSWORD),
      Buffer.from(PASSWORD),
    );
    expect(answer?.messageClass).toBe(256);
    expect(answer?.transactionId).toEqual(Buffer.from("0123456789ab"));
    const [address, port] = answer?.getAttributeValue("XOR-MAPPED-ADDRESS") ?? [];
    expect(ipBytes(address)).toEqual(ipBytes(ip));
    expect(port).toBe(40_000);
    expect(answer?.attributesKeys).toContain("FINGERPRINT");
  });
});

describe("the bytes of an address", () => {
  test.each([
    ["10.0.0.255", "0a0000ff"],
    ["::", "00".repeat(16)],
    ["::1", `${"00".repeat(15)}01`],
    ["2001:db8::ff00:42:8329", "20010db8000000000000ff0000428329"],
    ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ])("%s", (ip, bytes) => {
    expect(ipBytes(ip).toString("hex")).toBe(bytes);
  });
});
