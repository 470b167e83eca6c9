/** H.264's byte stream (ITU-T H.264, annex B): NAL units, each behind a start code of three bytes or four. */

/** Kinds of NAL units (table 7-1): the low 5 bits of their first byte. */
export const NAL = { slice: 1, idr: 5, sps: 7, pps: 8 } as const;

const START_CODE = Buffer.from([0, 0, 1]);

/** The NAL units, none empty, without start codes and the zeros that may follow a unit; views of `data`. */
export function nalUnits(data: Buffer): Buffer[] {
  const units: Buffer[] = [];
  let start = data.indexOf(START_CODE);
  while (start >= 0) {
    const from = start + START_CODE.length;
    start = data.indexOf(START_CODE, from);
    let to = start < 0 ? data.length : start;
    // No unit ends in a zero byte: these are of the next start code, or padding.
    while (to > from && data[to - 1] === 0) to--;
    if (to > from) units.push(data.subarray(from, to));
  }
  return units;
}

export function nalType(unit: Buffer): number {
  return (unit[0] ?? 0) & 0x1f;
}
