// What those say to servers who move a key from one memcached to another, whichever process they are in: workers, for a key
// that is asked for, and the mover, for the rest. In meta commands (memcached 1.6.12 and newer).
//
//   look up on the source ─ nothing: done
//     │ a value                └─ a claim: another moves it; it is looked up again until the claim has gone
//   claim it there: the value gives way to a mark, by its CAS
//     │
//   copy it to the target, if nothing is there, for a few seconds of the target's clock
//     │
//   keep the copy, by its CAS, for as long as the value has
//     │
//   release: the claim is deleted, by its CAS
//
// Nobody else touches the key on the source meanwhile, and nobody writes it on the target before the source has it no more.
// A claim expires by itself, so that nobody has to end it for one who died: after the copies that may yet arrive of his. A copy
// that arrives later has expired when it does: it can't bring back what was deleted. Who dies on the way loses the value, which
// a cache may. test/model/memcached-reshard-model.ts goes through all orders of events.

/** An item of a memcached server. */
export interface MovingItem {
  readonly data: Buffer;
  readonly flags: number;
  /** Seconds; -1: for ever. */
  readonly leftSeconds: number;
  /** A 64-bit number in decimal digits. */
  readonly cas: string;
  /** Its key was given in base64. */
  readonly isBinary: boolean;
  /** Somebody moves it. */
  readonly isClaim: boolean;
  /** It is no value for everybody: a lease, or one that is out of date. */
  readonly isLease: boolean;
}

/** How long a claim is there, from its arrival. */
export const CLAIM_SECONDS = 8;
/** How long after the start of a move a copy of it is one. Shorter than a claim by more than what clocks are read wrong by. */
export const COPY_SECONDS = 4;
/** In seconds, more are a point in time. */
const LONGEST_LIFETIME_SECONDS = 60 * 60 * 24 * 30;
const CLAIM_FLAGS = 0x52494e47;
const CLAIM_DATA = Buffer.from('ringmaster:moving');
const CRLF = Buffer.from('\r\n');

const FOUND = /^VA (\d+) s\d+ f(\d+) t(-?\d+) c(\d+)((?: \w\S*)*)\r\n/;
const LONGEST_LINE_BYTES = 1024;

/** Null: there is none. @throws Error when it is no answer to `lookUpWords` */
export function foundItem(reply: Buffer): MovingItem | null {
  const line = reply.toString('latin1', 0, Math.min(reply.length, LONGEST_LINE_BYTES));
  if (/^EN\b/.test(line)) return null;
  const match = FOUND.exec(line);
  if (match === null) throw new Error(line.slice(0, 80).trimEnd());
  const data = Buffer.from(reply.subarray(match[0].length, match[0].length + Number(match[1])));
  const rest = match[5]!.split(' ');
  const flags = Number(match[2]);
  return {
    data,
    flags,
    leftSeconds: Number(match[3]),
    cas: match[4]!,
    isBinary: rest.includes('b'),
    isClaim: flags === CLAIM_FLAGS && data.equals(CLAIM_DATA),
    isLease: rest.some(flag => flag === 'W' || flag === 'Z' || flag === 'X'),
  };
}

/** Answered by what `foundItem` reads. */
export function lookUpWords(key: Buffer): Buffer {
  return Buffer.from(`mg ${wordOf(key, isPlain(key))} s f t c k v\r\n`, 'latin1');
}

/** `HD c<the claim's CAS>`; EX or NF: it has changed since. */
export function claimWords(key: Buffer, { cas, isBinary }: MovingItem): Buffer {
  return storeWords(key, isBinary, CLAIM_DATA, `C${cas} F${CLAIM_FLAGS} T${CLAIM_SECONDS} c`);
}

/** `HD c<the copy's CAS>`; NS: there is something. `untilSeconds`: of the target's clock, since 1970. */
export function copyWords(key: Buffer, { data, flags, isBinary }: MovingItem, untilSeconds: number): Buffer {
  return storeWords(key, isBinary, data, `ME F${flags} T${untilSeconds} c`);
}

/** `HD c<its CAS>`; EX or NF: it is not there any more. `nowSeconds`: by the target's clock. */
export function keepWords(key: Buffer, item: MovingItem, cas: string, nowSeconds: number): Buffer {
  return storeWords(key, item.isBinary, item.data, `C${cas} F${item.flags} T${lifetimeOf(item, nowSeconds)} c`);
}

/** Puts the value back in the place of a claim that was not used. `nowSeconds`: by the source's clock. */
export function putBackWords(key: Buffer, item: MovingItem, cas: string, nowSeconds: number): Buffer {
  return keepWords(key, item, cas, nowSeconds);
}

/** Deletes what has this CAS: `HD`, EX or NF. */
export function deleteWords(key: Buffer, cas: string): Buffer {
  return Buffer.from(`md ${wordOf(key, isPlain(key))} C${cas}\r\n`, 'latin1');
}

/** The CAS value in `HD c…`, or null: it was not done. @throws Error when the server refuses */
export function storedCas(reply: Buffer): string | null {
  const text = reply.toString('latin1', 0, Math.min(reply.length, LONGEST_LINE_BYTES)).trimEnd();
  const match = /^HD c(\d+)$/.exec(text);
  if (match !== null) return match[1]!;
  if (/^(?:EX|NF|NS)\b/.test(text)) return null;
  throw new Error(text.slice(0, 80));
}

/** Whether it was done. @throws Error when the server refuses */
export function isDeleted(reply: Buffer): boolean {
  const text = reply.toString('latin1', 0, Math.min(reply.length, LONGEST_LINE_BYTES)).trimEnd();
  if (/^(?:HD|EX|NF)\b/.test(text)) return text.startsWith('HD');
  throw new Error(text.slice(0, 80));
}

/** Asks a server for its clock; see `clockOf`. */
export const CLOCK_WORDS = Buffer.from('stats\r\n');

/** Seconds since 1970 by the server. @throws Error when it does not say */
export function clockOf(reply: Buffer): number {
  const match = /^STAT time (\d+)\r$/m.exec(reply.toString('latin1'));
  if (match === null) throw new Error('no clock in its statistics');
  return Number(match[1]);
}

/** What is not a word in text is in base64. */
function isPlain(key: Buffer): boolean {
  return key.every(byte => byte > 32 && byte !== 127);
}

function wordOf(key: Buffer, isText: boolean): string {
  return isText ? key.toString('latin1') : `${key.toString('base64')} b`;
}

function storeWords(key: Buffer, isBinary: boolean, data: Buffer, flags: string): Buffer {
  const isText = !isBinary && isPlain(key);
  const name = isText ? key.toString('latin1') : key.toString('base64');
  const line = `ms ${name} ${data.length}${isText ? '' : ' b'} ${flags}\r\n`;
  return Buffer.concat([Buffer.from(line, 'latin1'), data, CRLF]);
}

function lifetimeOf({ leftSeconds }: MovingItem, nowSeconds: number): number {
  if (leftSeconds < 0) return 0;
  return leftSeconds > LONGEST_LIFETIME_SECONDS ? nowSeconds + leftSeconds : leftSeconds;
}
