import { createDecipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  deriveKeys,
  type MasterKey,
  NodeSealer,
  type SessionKeys,
  SrtcpOpener,
  SrtcpSealer,
  type SrtpProfile,
} from "../../../src/transport/rtp/srtp.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const PROFILES: SrtpProfile[] = ["AEAD_AES_128_GCM", "AES128_CM_HMAC_SHA1_80"];

function masterKey(profile: SrtpProfile, fill = 7): MasterKey {
  return {
    profile,
    key: Buffer.alloc(16, fill),
    salt: Buffer.alloc(14, fill + 1).subarray(profile === "AEAD_AES_128_GCM" ? 2 : 0),
  };
}

const QUID_PRO_QUO: SessionKeys = {
  profile: "AEAD_AES_128_GCM",
  key: hex("000102030405060708090a0b0c0d0e0f"),
  salt: hex("517569642070726f2071756f"),
  auth: Buffer.alloc(0),
};

describe("published vectors", () => {
  test("key derivation: RFC 3711, appendix B.3", () => {
    const { rtp } = deriveKeys({
      profile: "AES128_CM_HMAC_SHA1_80",
      key: hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
      salt: hex("0EC675AD498AFEEBB6960B3AABE6"),
    });
    expect(rtp.key).toEqual(hex("C61E7A93744F39EE10734AFE3FF7A087"));
    expect(rtp.salt).toEqual(hex("30CBBC08863D8C85D49DB34A9AE1"));
    expect(rtp.auth).toEqual(hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
  });

  test("counter mode: RFC 3711, appendix B.2", () => {
    const sealer = new NodeSealer({
      profile: "AES128_CM_HMAC_SHA1_80",
      key: hex("2B7E151628AED2A6ABF7158809CF4F3C"),
      salt: hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"),
      auth: Buffer.alloc(20),
    });
    const sealed = sealer.seal(Buffer.alloc(12), Buffer.alloc(48), 0);
    expect(sealed.subarray(12, 60)).toEqual(
      hex(
        "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0",
      ),
    );
  });

  test("RTP by AES-GCM: RFC 7714, section 16.1.1", () => {
    const packet = hex(`8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
      69736120 696e2070 61727465 73207472 6573`);
    const sealed = new NodeSealer(QUID_PRO_QUO).seal(packet.subarray(0, 12), packet.subarray(12), 0xf17b);
    expect(sealed.toString("hex")).toBe(
      hex(`8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
        51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`).toString("hex"),
    );
  });

  test("RTCP by AES-GCM: RFC 7714, section 17.1", () => {
    const packet = hex(`81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
      deadbeef deadbeef deadbeef deadbeef deadbeef`);
    const sealed = hex(`81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
      c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`);
    expect(new SrtcpOpener(QUID_PRO_QUO).open(sealed)?.toString("hex")).toBe(packet.toString("hex"));
    const sealer = new SrtcpSealer(QUID_PRO_QUO);
    for (let index = 0; index < 0x5d4; index++) sealer.seal(packet);
    expect(sealer.seal(packet).toString("hex")).toBe(sealed.toString("hex"));
  });
});

describe("the index of a packet", () => {
  test("continues in the roll-over counter when the sequence number wraps", () => {
    const header = hex("80600000 00000000 deadbeef");
    const payload = Buffer.from("a payload");
    const sealer = new NodeSealer(QUID_PRO_QUO);
    const sealed = [0, 2 ** 16, 2 ** 40].map((index) => sealer.seal(header, payload, index).toString("hex"));
    expect(new Set(sealed).size).toBe(3);

    // RFC 7714, section 8.1, for the second: SSRC and roll-over counter 1.
    const nonce = Buffer.from(QUID_PRO_QUO.salt);
    for (const [at, byte] of hex("0000deadbeef000000010000").entries()) nonce[at] = (nonce[at] ?? 0) ^ byte;
    const decipher = createDecipheriv("aes-128-gcm", QUID_PRO_QUO.key, nonce).setAAD(header);
    const packet = hex(sealed[1] ?? "");
    decipher.setAuthTag(packet.subarray(-16));
    expect(Buffer.concat([decipher.update(packet.subarray(12, -16)), decipher.final()])).toEqual(payload);
  });
});

describe.each(PROFILES)("RTCP by %s", (profile) => {
  const { rtcp } = deriveKeys(masterKey(profile));
  const packet = hex("80c90001 12345678 0102030405060708");

  test("opens to the original, each packet once, in any order", () => {
    const sealer = new SrtcpSealer(rtcp);
    const [first = packet, second = packet, third = packet] = [0, 1, 2].map(() => sealer.seal(packet));
    const opener = new SrtcpOpener(rtcp);
    expect(opener.open(second)).toEqual(packet);
    expect(opener.open(first)).toEqual(packet);
    for (const again of [first, second]) expect(opener.open(again)).toBeUndefined();
    expect(opener.open(third)).toEqual(packet);
  });

  test("rejects a packet older than the replay window", () => {
    const sealer = new SrtcpSealer(rtcp);
    const sealed = Array.from({ length: 70 }, () => sealer.seal(packet));
    const opener = new SrtcpOpener(rtcp);
    expect(opener.open(sealed[69] ?? packet)).toEqual(packet);
    expect(opener.open(sealed[69 - 63] ?? packet)).toEqual(packet);
    expect(opener.open(sealed[69 - 64] ?? packet)).toBeUndefined();
  });

  test("has one replay window per sender, for a limited number of senders", () => {
    const senders = Array.from({ length: 65 }, (_, n) => {
      const own = Buffer.from(packet);
      own.writeUInt32BE(n + 1, 4);
      return own;
    });
    const opener = new SrtcpOpener(rtcp);
    const ahead = new SrtcpSealer(rtcp);
    const [first = packet, ...others] = senders;
    for (let n = 0; n < 100; n++) expect(opener.open(ahead.seal(first))).toEqual(first);
    const opened = others.map((own) => opener.open(new SrtcpSealer(rtcp).seal(own)));
    expect(opened.slice(0, 63)).toEqual(others.slice(0, 63));
    expect(opened[63]).toBeUndefined();
  });

  test("rejects changed, truncated and foreign packets without side effects", () => {
    const sealed = new SrtcpSealer(rtcp).seal(packet);
    const opener = new SrtcpOpener(rtcp);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(opener.open(changed)).toBeUndefined();
      expect(opener.open(sealed.subarray(0, at))).toBeUndefined();
    }
    const other = new SrtcpSealer(deriveKeys(masterKey(profile, 9)).rtcp).seal(packet);
    expect(opener.open(other)).toBeUndefined();
    expect(opener.open(sealed)).toEqual(packet);
  });
});
