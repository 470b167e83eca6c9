import { expect, test } from "vitest";
import { ViewerRecords } from "../../../src/broadcast/viewer-records.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

test("viewers are listed with their network instead of their full address", async () => {
  const clock = new FakeClock(5000);
  const records = new ViewerRecords(clock);
  const viewer = records.add("webrtc", "192.0.2.77");
  records.add("mjpeg", "20010db800010002");
  expect(records.all()).toEqual([
    {
      id: viewer.id,
      transport: "webrtc",
      protocol: "tcp",
      address: "192.0.2.x",
      since: 5000,
      state: "joining",
    },
    expect.objectContaining({ transport: "mjpeg", address: "2001:db8:1:x", state: "watching" }),
  ]);
  Object.assign(viewer, { isWatching: true, codec: "vp8", level: 2, protocol: "udp" });
  viewer.reception = { fractionLost: 0.25, jitter: 1, roundTrip: undefined };
  expect(records.all()[0]).toMatchObject({
    state: "watching",
    codec: "vp8",
    level: 2,
    protocol: "udp",
    lost: 0.25,
  });
  viewer.end();
  expect(records.all()).toHaveLength(1);
});

test("loopback addresses are listed as this machine", () => {
  const records = new ViewerRecords(new FakeClock());
  for (const address of ["127.0.0.1", "0000000000000000"]) records.add("mjpeg", address);
  expect(records.all().map(({ address }) => address)).toEqual(["this machine", "this machine"]);
});

test("viewers of one transport, protocol and rendition are counted together once they watch", () => {
  const records = new ViewerRecords(new FakeClock());
  for (const level of [0, 2, 2]) {
    const viewer = records.add("webrtc", "192.0.2.1");
    Object.assign(viewer, { isWatching: true, codec: "h264", level, protocol: "udp" });
  }
  records.add("webrtc", "192.0.2.1");
  records.add("mjpeg", "192.0.2.1");
  expect(records.counts()).toEqual([
    { transport: "webrtc", protocol: "udp", rendition: "h264/0", count: 1 },
    { transport: "webrtc", protocol: "udp", rendition: "h264/2", count: 2 },
    { transport: "mjpeg", protocol: "tcp", rendition: "mjpeg", count: 1 },
  ]);
});

test("only the first 200 viewers are listed, but all are counted", () => {
  const records = new ViewerRecords(new FakeClock());
  for (let n = 0; n < 300; n++) records.add("mjpeg", "192.0.2.1");
  expect(records.all()).toHaveLength(200);
  expect(records.counts()).toEqual([{ transport: "mjpeg", protocol: "tcp", rendition: "mjpeg", count: 300 }]);
});
