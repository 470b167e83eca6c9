/** The H.264 byte stream (ITU-T H.264, annex B): NAL units, each after a start code of three or four bytes. */

/** NAL unit types (table 7-1): the low 5 bits of the first byte. */
export const NAL = { slice: 1, idr: 5, sps: 7, pps: 8 } as const;

const START_CODE = Buffer.from([0, 0, 1]);

/** The NAL units as views of `data`, without start codes, trailing zeros and empty units. */
export function nalUnits(data: Buffer): Buffer[] {
  const units: Buffer[] = [];
  let start = data.indexOf(START_CODE);
  while (start >= 0) {
    const from = start + START_CODE.length;
    start = data.indexOf(START_CODE, from);
    let to = start < 0 ? data.length : start;
    // No NAL unit ends in a zero byte: zeros here belong to the next start code, or are padding.
    while (to > from && data[to - 1] === 0) to--;
    if (to > from) units.push(data.subarray(from, to));
  }
  return units;
}

/** The type of a NAL unit, one of {@link NAL} among others. */
export function nalType(unit: Buffer): number {
  return (unit[0] ?? 0) & 0x1f;
}
