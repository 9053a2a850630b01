const MOST_TRIES = 20_000;
const PLAIN_BYTES = [0x61, 0x30];

/**
 * A smaller input that fails as well: leaves out pieces, from halves to single bytes, then makes bytes plain, for as
 * long as it helps. Source: the idea of delta debugging, Zeller and Hildebrandt 2002.
 */
export function minimise(input: Buffer, fails: (candidate: Buffer) => boolean): Buffer {
  let best = input;
  let tries = 0;
  const isSmaller = (candidate: Buffer): boolean => {
    if (tries++ > MOST_TRIES || !fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let before = -1; before !== best.length; ) {
    before = best.length;
    for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < best.length; ) {
        const candidate = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
        if (!isSmaller(candidate)) at += size;
      }
    }
  }
  for (let at = 0; at < best.length; at++) {
    for (const byte of PLAIN_BYTES) {
      if (best[at] === byte) break;
      const candidate = Buffer.from(best);
      candidate[at] = byte;
      if (isSmaller(candidate)) break;
    }
  }
  return best;
}
