// MD5 (RFC 1321) over byte ranges. The four words of state and one block of input live in module-level arrays, so a
// digest allocates nothing; nothing here can be interrupted half-way, so they are shared by all callers.

const state = new Int32Array(4);
const block = new Int32Array(16);
const BLOCK_BYTES = 64;
/** Where the 64-bit message length begins in the last block. */
const LENGTH_OFFSET = 56;

const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32));

/** The first four digest bytes of the MD5 of `buf[start, end)`, little-endian, as u32. */
export function md5(buf: Uint8Array, start: number, end: number): number {
  digest(buf, start, end);
  return state[0]! >>> 0;
}

/** MD5 of `buf[start, end)` into `out[0..3]`: the sixteen digest bytes as four little-endian u32. */
export function md5Words(buf: Uint8Array, start: number, end: number, out: Uint32Array): void {
  digest(buf, start, end);
  out.set(state);
}

function digest(buf: Uint8Array, start: number, end: number): void {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;

  let i = start;
  for (; i + BLOCK_BYTES <= end; i += BLOCK_BYTES) {
    for (let w = 0, p = i; w < 16; w++, p += 4) {
      block[w] = buf[p]! | (buf[p + 1]! << 8) | (buf[p + 2]! << 16) | (buf[p + 3]! << 24);
    }
    mixBlock();
  }

  const rest = end - i;
  block.fill(0);
  for (let k = 0; k < rest; k++) block[k >> 2]! |= buf[i + k]! << ((k & 3) << 3);
  block[rest >> 2]! |= 0x80 << ((rest & 3) << 3);
  if (rest >= LENGTH_OFFSET) {
    mixBlock();
    block.fill(0);
  }
  const length = end - start;
  block[14] = length << 3;
  block[15] = length >>> 29;
  mixBlock();
}

function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

function mixBlock(): void {
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  for (let i = 0; i < 16; i += 4) {
    a = (b + rotate(a + (d ^ (b & (c ^ d))) + block[i]! + SINES[i]!, 7)) | 0;
    d = (a + rotate(d + (c ^ (a & (b ^ c))) + block[i + 1]! + SINES[i + 1]!, 12)) | 0;
    c = (d + rotate(c + (b ^ (d & (a ^ b))) + block[i + 2]! + SINES[i + 2]!, 17)) | 0;
    b = (c + rotate(b + (a ^ (c & (d ^ a))) + block[i + 3]! + SINES[i + 3]!, 22)) | 0;
  }
  for (let i = 16; i < 32; i += 4) {
    const k = i * 5 + 1;
    a = (b + rotate(a + (c ^ (d & (b ^ c))) + block[k & 15]! + SINES[i]!, 5)) | 0;
    d = (a + rotate(d + (b ^ (c & (a ^ b))) + block[(k + 5) & 15]! + SINES[i + 1]!, 9)) | 0;
    c = (d + rotate(c + (a ^ (b & (d ^ a))) + block[(k + 10) & 15]! + SINES[i + 2]!, 14)) | 0;
    b = (c + rotate(b + (d ^ (a & (c ^ d))) + block[(k + 15) & 15]! + SINES[i + 3]!, 20)) | 0;
  }
  for (let i = 32; i < 48; i += 4) {
    const k = i * 3 + 5;
    a = (b + rotate(a + (b ^ c ^ d) + block[k & 15]! + SINES[i]!, 4)) | 0;
    d = (a + rotate(d + (a ^ b ^ c) + block[(k + 3) & 15]! + SINES[i + 1]!, 11)) | 0;
    c = (d + rotate(c + (d ^ a ^ b) + block[(k + 6) & 15]! + SINES[i + 2]!, 16)) | 0;
    b = (c + rotate(b + (c ^ d ^ a) + block[(k + 9) & 15]! + SINES[i + 3]!, 23)) | 0;
  }
  for (let i = 48; i < 64; i += 4) {
    const k = i * 7;
    a = (b + rotate(a + (c ^ (b | ~d)) + block[k & 15]! + SINES[i]!, 6)) | 0;
    d = (a + rotate(d + (b ^ (a | ~c)) + block[(k + 7) & 15]! + SINES[i + 1]!, 10)) | 0;
    c = (d + rotate(c + (a ^ (d | ~b)) + block[(k + 14) & 15]! + SINES[i + 2]!, 15)) | 0;
    b = (c + rotate(b + (d ^ (c | ~a)) + block[(k + 21) & 15]! + SINES[i + 3]!, 21)) | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
}
