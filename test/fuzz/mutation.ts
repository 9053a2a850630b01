import type { SeededRandom } from '../support/seeded-random.ts';

const NUMBERS = [
  '-1',
  '0',
  '00',
  '1',
  '2',
  '7',
  '10',
  '250',
  '251',
  '1024',
  '16384',
  '65536',
  '1048576',
  '2147483647',
  '2147483648',
  '4294967296',
  '9223372036854775807',
  '18446744073709551616',
  '99999999999999999999',
].map(text => Buffer.from(text));
/** Inputs that grow over this are cut: long ones cost time and rarely show more. */
const MAX_INPUT_BYTES = 4096;
const ZERO = 48;

/** `input` with one to five small changes; the tokens and other inputs are what is put into it. */
export function mutate(
  input: Buffer,
  random: SeededRandom,
  tokens: readonly Buffer[],
  others: readonly Buffer[],
): Buffer {
  let bytes = input;
  for (let left = random.pick([1, 1, 1, 2, 3, 5]); left > 0; left--) bytes = changed(bytes, random, tokens, others);
  return bytes;
}

function changed(bytes: Buffer, random: SeededRandom, tokens: readonly Buffer[], others: readonly Buffer[]): Buffer {
  const { length } = bytes;
  const at = random.between(0, length);
  const to = Math.min(length, at + random.pick([1, 1, 2, 3, 8, 40]));
  switch (random.between(0, 9)) {
    case 0:
      return replaced(bytes, at, to, NOTHING);
    case 1:
    case 2:
      return replaced(bytes, at, random.chance(0.5) ? at : to, random.pick(tokens));
    case 3:
      return replaced(bytes, at, at, bytes.subarray(at, to));
    case 4:
      return withOtherNumber(bytes, random);
    case 5: {
      const from = random.between(0, length);
      return replaced(bytes, at, at, bytes.subarray(from, from + random.between(1, 30)));
    }
    case 6: {
      const other = random.pick(others);
      const from = random.between(0, other.length);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from)]).subarray(0, MAX_INPUT_BYTES);
    }
    case 7:
      return length === 0 ? bytes : bytes.subarray(0, random.between(1, length));
    case 8:
      return replaced(bytes, at, at, Buffer.from([random.between(0, 255)]));
    default: {
      if (length === 0) return bytes;
      const copy = Buffer.from(bytes);
      const where = Math.min(at, length - 1);
      copy[where]! ^= random.chance(0.5) ? 1 << random.between(0, 7) : random.between(1, 255);
      return copy;
    }
  }
}

/** A run of digits becomes a number at some limit, or one more or less. */
function withOtherNumber(bytes: Buffer, random: SeededRandom): Buffer {
  const from = random.between(0, bytes.length);
  let at = from;
  while (at < bytes.length && !isDigit(bytes[at]!)) at++;
  if (at === bytes.length) return replaced(bytes, from, from, random.pick(NUMBERS));
  let end = at;
  while (end < bytes.length && isDigit(bytes[end]!)) end++;
  const value = Number(bytes.toString('latin1', at, end));
  const near = Buffer.from(String(value + random.pick([-1, 1])));
  return replaced(bytes, at, end, random.chance(0.5) ? near : random.pick(NUMBERS));
}

function replaced(bytes: Buffer, start: number, end: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, start), by, bytes.subarray(end)]).subarray(0, MAX_INPUT_BYTES);
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

const NOTHING = Buffer.alloc(0);
