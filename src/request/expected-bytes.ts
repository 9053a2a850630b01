/** What the next reply is likely to have, in bytes: as much as the last one, or less than was `expected` of that, step by step. */
export function expectedBytesAfter(lastBytes: number, expected: number): number {
  return lastBytes >= expected ? lastBytes : expected - ((expected - lastBytes + 7) >> 3);
}
