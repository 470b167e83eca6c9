import { expect, test } from "vitest";
import { describeEncoders, type EncoderTrials } from "../../../src/doctor/encoders.ts";

const usual: EncoderTrials = {
  codecs: ["vp8", "h264"],
  problems: new Map(),
  hardware: { h264: [], av1: [] },
};

test.each<[string, Partial<EncoderTrials>, object]>([
  ["both codecs", {}, { state: "good", text: "VP8, H.264 by this machine's processor" }],
  [
    "hardware",
    { codecs: ["av1", "h264"], hardware: { h264: ["QSV", "VAAPI"], av1: ["VAAPI"] } },
    { state: "good", text: "H.264 by this machine's processor; H.264 by QSV, VAAPI; AV1 by VAAPI" },
  ],
  [
    "AV1 alone without hardware: the server does not start",
    { codecs: ["av1"] },
    {
      state: "bad",
      text: "no graphics processor here encodes AV1",
      change: "No graphics processor here encodes AV1: add another codec, as in --codecs av1,vp8.",
      prevents: true,
    },
  ],
  [
    "AV1 without hardware beside another codec: the server starts",
    { codecs: ["av1", "vp8"] },
    {
      state: "note",
      text: "VP8 by this machine's processor; AV1 is not sent, as no graphics processor here encodes it",
    },
  ],
  [
    "an encoder that fails",
    { problems: new Map([["vp8", "no memory"]]) },
    {
      state: "bad",
      text: "H.264 by this machine's processor; VP8 fails: no memory",
      change: "Leave out VP8: --codecs h264.",
    },
  ],
  [
    "no encoder that works",
    { codecs: ["vp8"], problems: new Map([["vp8", "no memory"]]) },
    {
      state: "bad",
      text: "VP8 fails: no memory",
      change: "Reinstall rendercast: its encoders do not work here.",
    },
  ],
])("the doctor reports %s", (_, tried, finding) => {
  expect(describeEncoders({ ...usual, ...tried })).toEqual(finding);
});
