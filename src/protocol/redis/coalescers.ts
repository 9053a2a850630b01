// How the replies of a request's parts become one reply. Any part that is an error makes the whole that error: the first
// in the order of the parts. A part of a type that the command never answers with is an error too.

import { RUN_FIELDS } from '../../memory/runs.ts';
import type { ReplyOut } from '../../request/request.ts';
import type { Coalescer } from '../protocol.ts';
import { runMemory, writeRuns } from '../runs.ts';
import type { MergeKind } from './commands/command-policy.ts';
import {
  ARRAY_HEADER_MAX_BYTES,
  COLON,
  CR,
  DOLLAR,
  encodeRequest,
  errorReply,
  isErrorReply,
  LF,
  MINUS,
  numberAfterType,
  STAR,
  UNDERSCORE,
  writeArrayHeader,
  ZERO,
} from './resp.ts';

/** Requests with more parts have their own memory for these. */
const SCRATCH_PARTS = 256;
const scratchCursors = new Int32Array(SCRATCH_PARTS);
const scratchLeft = new Int32Array(SCRATCH_PARTS);
const header = Buffer.allocUnsafeSlow(ARRAY_HEADER_MAX_BYTES);

const UNEXPECTED = errorReply('ERR servers answered the parts of this command in ways that do not fit together');
const DIFFERENT = errorReply('ERR servers answered this command differently');

const KEYS_TOO_LARGE = errorReply(
  'ERR the keys are more bytes than the setting keys_limit of this pool lets KEYS collect; iterate with SCAN',
);

/** Deals with errors, so that the coalescers see only parts that succeeded. */
export abstract class ErrorFirstCoalescer implements Coalescer {
  merge(parts: readonly Buffer[], owners: Int32Array, out: ReplyOut): void {
    for (const part of parts) {
      if (!isErrorReply(part)) continue;
      out.appendOwned(part);
      return;
    }
    if (!this.mergeValues(parts, owners, out)) out.appendOwned(UNEXPECTED);
  }

  /** False, and nothing written: the parts are not what this command is answered with. */
  protected abstract mergeValues(parts: readonly Buffer[], owners: Int32Array, out: ReplyOut): boolean;
}

/**
 * MGET: the elements of the parts' arrays, back in the order of the keys. Neighbours from one part lie side by side in
 * it: they are one run, copied at once.
 *
 *   owners   0 0 1 0          parts[0]: a b d        runs: 0 from a to b, 1 c, 0 d
 *                             parts[1]: c
 */
class ValuesCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], owners: Int32Array, out: ReplyOut): boolean {
    const keyCount = owners.length;
    const runs = runMemory(keyCount);
    const runsEnd = locateRuns(parts, owners, runs);
    if (runsEnd < 0) return false;
    out.append(header, 0, writeArrayHeader(header, 0, keyCount));
    writeRuns(parts, runs, runsEnd, out);
    return true;
  }
}

/**
 * Fills `runs` and returns where they end, or -1 when a part is no array of bulk strings
 * and nulls with one element per key. Each part is read once, from a cursor of its own.
 */
function locateRuns(parts: readonly Buffer[], owners: Int32Array, runs: Int32Array): number {
  const hasMany = parts.length > SCRATCH_PARTS;
  const cursors = hasMany ? new Int32Array(parts.length) : scratchCursors;
  const left = hasMany ? new Int32Array(parts.length) : scratchLeft;
  for (let p = 0; p < parts.length; p++) {
    const part = parts[p]!;
    if (part[0] !== STAR) return -1;
    left[p] = numberAfterType(part, 0);
    cursors[p] = part.indexOf(CR) + 2;
  }
  const keyCount = owners.length;
  let at = 0;
  for (let i = 0; i < keyCount; ) {
    const owner = owners[i]!;
    const part = parts[owner]!;
    const first = i;
    const start = cursors[owner]!;
    let end = start;
    do {
      end = elementEnd(part, end);
      if (end < 0) return -1;
      i++;
    } while (i < keyCount && owners[i] === owner);
    left[owner]! -= i - first;
    cursors[owner] = end;
    runs[at] = owner;
    runs[at + 1] = start;
    runs[at + 2] = end;
    at += RUN_FIELDS;
  }
  for (let p = 0; p < parts.length; p++) if (left[p] !== 0) return -1;
  return at;
}

/**
 * End of the bulk string or null that begins at `start`, or -1 when it is neither, or the part is at its end. The scanner
 * has seen that what there is is whole.
 */
function elementEnd(part: Buffer, start: number): number {
  if (part[start] !== DOLLAR) return part[start] === UNDERSCORE ? start + RESP3_NULL_BYTES : -1;
  let at = start + 1;
  if (part[at] === MINUS) return part.indexOf(LF, at) + 1;
  let length = 0;
  for (; part[at] !== CR; at++) length = length * 10 + part[at]! - ZERO;
  return at + 2 + length + 2;
}

/** DEL, UNLINK, TOUCH, EXISTS, DBSIZE: the counts added up. */
class SumCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    let sum = 0;
    for (const part of parts) {
      if (part[0] !== COLON) return false;
      sum += numberAfterType(part, 0);
    }
    // No count is so large; and it would be no longer exact.
    if (!Number.isSafeInteger(sum)) return false;
    out.appendOwned(Buffer.from(`:${sum}\r\n`, 'latin1'));
    return true;
  }
}

/** MSET, SCRIPT LOAD: all servers say the same. */
export class SameCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    const first = parts[0]!;
    const isSame = parts.every(part => part.equals(first));
    out.appendOwned(isSame ? first : DIFFERENT);
    return true;
  }
}

/** SCRIPT EXISTS: arrays of 0 and 1; 1 where every server says 1. */
class AllTrueCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    const whole = Buffer.from(parts[0]!);
    const first = whole.indexOf(LF) + 1;
    for (const part of parts) {
      if (!isArrayOfBits(part) || part.length !== whole.length) return false;
      // Of one length, so where two differ, one has 0 and the other 1.
      for (let i = first; i < whole.length; i++) if (part[i] === ZERO) whole[i] = ZERO;
    }
    out.appendOwned(whole);
    return true;
  }
}

/** A script that ran on every server: what the first of them answered. */
class FirstCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    out.appendOwned(parts[0]!);
    return true;
  }
}

/** KEYS: the elements of all arrays, one after the other. */
class KeysCoalescer extends ErrorFirstCoalescer {
  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    let count = 0;
    for (const part of parts) {
      if (part[0] !== STAR) return false;
      count += numberAfterType(part, 0);
    }
    out.append(header, 0, writeArrayHeader(header, 0, count));
    for (const part of parts) out.append(part, part.indexOf(LF) + 1, part.length);
    return true;
  }
}

/** As KeysCoalescer, up to a limit. */
export class LimitedKeysCoalescer extends KeysCoalescer {
  readonly maxBytes: number;
  readonly tooLarge = KEYS_TOO_LARGE;

  constructor(maxBytes: number) {
    super();
    this.maxBytes = maxBytes;
  }
}

/** RANDOMKEY: that of one server, by chance, those with more keys the more often: so each key has the same. */
class OneOfCoalescer extends ErrorFirstCoalescer {
  readonly companion = encodeRequest('DBSIZE');

  protected override mergeValues(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): boolean {
    const count = parts.length / 2;
    const keys = parts.slice(count);
    // One that has a key has one at least, whatever it had just before.
    const weights = keys.map((key, i) => (isNull(key) ? 0 : Math.max(1, numberAfterType(parts[i]!, 0))));
    let left = Math.random() * weights.reduce((sum, weight) => sum + weight, 0);
    const chosen = weights.findIndex(weight => {
      left -= weight;
      return left < 0;
    });
    out.appendOwned(keys[Math.max(0, chosen)]!);
    return true;
  }
}

function isNull(part: Buffer): boolean {
  return part[0] === UNDERSCORE || part[1] === MINUS;
}

/** `*2\r\n:0\r\n:1\r\n`; the scanner has seen that it is a whole reply. */
function isArrayOfBits(part: Buffer): boolean {
  const first = part.indexOf(LF) + 1;
  if (part[0] !== STAR || part.length !== first + numberAfterType(part, 0) * BIT_BYTES) return false;
  for (let at = first; at < part.length; at += BIT_BYTES) {
    if (part[at] !== COLON || (part[at + 1] !== ZERO && part[at + 1] !== ZERO + 1)) return false;
  }
  return true;
}

/** Length of `:0\r\n`. */
const BIT_BYTES = 4;
/** Length of `_\r\n`. */
const RESP3_NULL_BYTES = 3;

/** Others are made for the request. */
export type SharedMergeKind = Exclude<MergeKind, 'info' | 'config' | 'libraries' | 'function_stats' | 'one_succeeded'>;

const COALESCERS: Readonly<Record<SharedMergeKind, Coalescer>> = {
  values: new ValuesCoalescer(),
  sum: new SumCoalescer(),
  same: new SameCoalescer(),
  all_true: new AllTrueCoalescer(),
  first: new FirstCoalescer(),
  keys: new KeysCoalescer(),
  one_of: new OneOfCoalescer(),
};

/** The coalescer for a merge kind; shared, they keep nothing. */
export function coalescerFor(kind: SharedMergeKind): Coalescer {
  return COALESCERS[kind];
}
