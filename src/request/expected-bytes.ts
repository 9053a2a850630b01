/** More is not expected of any reply. */
const EXPECTED_MAX_BYTES = 1 << 30;

/** What the next reply is likely to have, in bytes: as much as the last one, or less than was `expected` of that, step by step. */
export function expectedBytesAfter(lastBytes: number, expected: number): number {
  if (lastBytes < expected) return expected - ((expected - lastBytes + 7) >> 3);
  return lastBytes < EXPECTED_MAX_BYTES ? lastBytes : EXPECTED_MAX_BYTES;
}
