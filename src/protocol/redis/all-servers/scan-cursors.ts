// SCAN over all servers of a pool, one after the other. Clients keep nothing but the cursor, so it says which server is next:
//
//   63                        16 15      0
//   └ the server's own cursor ─┘ └ tag ──┘      0 from a client: the first server; 0 from us: all have been asked
//
// A tag comes of the server's name, not of its place, so that a cursor stays good when a reload adds servers. They are asked in
// the order of their tags. The low bits, so that cursors of tables of up to 2^37 places are exact as JavaScript's numbers,
// which some clients make of them.
import { FAILURE_TEXT } from '../../../request/failure.ts';
import type { ReplyTransform, TransformOut } from '../../reply-transform.ts';
import { DOLLAR, errorReply, LF, STAR } from '../resp.ts';

const TAG_BITS = 16n;
const TAGS = 1 << 16;
const CURSOR_MAX = (1n << 64n) - 1n;
const OWN_CURSOR_MAX = (1n << 48n) - 1n;
/** `*2\r\n$20\r\n`, 20 digits, `\r\n`: what comes before the keys is not longer. */
const HEAD_MAX_BYTES = 64;

const INVALID = errorReply('ERR invalid cursor');
const UNKNOWN_SERVER = errorReply(
  'ERR invalid cursor: its server is not in the pool any more; begin again with SCAN 0',
);
const TOO_LARGE = Buffer.from("-ERR the server's cursor is too large for SCAN through Ringmaster\r\n");
const NO_SERVER = errorReply(`ERR ${FAILURE_TEXT.no_backend}`);

interface ScanStep {
  /** Of the server, among those of the pool. */
  readonly place: number;
  readonly tag: number;
  /** Of the server after it; 0: it is the last. */
  readonly nextTag: number;
  /** The server's own. */
  readonly cursor: string;
}

/** A cursor of a pool that is not between two rings. */
const PLAIN = 0;
/** Between two rings: all servers, and then … */
const FIRST = 1;
/** … once more those that keys may have moved to, since they were asked perhaps. */
const SECOND = 2;

/** What a tag says: which server is asked, and in which pass. */
interface Stage {
  readonly place: number;
  readonly pass: number;
}

/**
 * The cursors of one pool, whose servers have these names. `again`: between two rings, those that keys move to: no key is passed
 * over, whenever it moves, though it may be told twice.
 */
export class ScanCursors {
  private readonly stages = new Map<number, Stage>();
  /** By pass: the tag of each server, by its place. */
  private readonly tags: readonly (readonly number[])[];
  /** Places in the order of the plain tags; of all servers, and of those that are asked again. */
  private readonly order: readonly number[];
  private readonly orderAgain: readonly number[];

  constructor(names: readonly string[], again: readonly string[] = []) {
    this.tags = ['', '\0first', '\0second'].map((salt, pass) => this.addTags(names, salt, pass));
    const plain = this.tags[PLAIN] as readonly number[];
    this.order = names.map((_, place) => place).sort((a, b) => (plain[a] as number) - (plain[b] as number));
    this.orderAgain = this.order.filter(place => again.includes(names[place] as string));
  }

  /** What a client's cursor asks for, or the error that it reads. */
  read(text: string): ScanStep | Buffer {
    if (!/^\d{1,20}$/.test(text) || BigInt(text) > CURSOR_MAX) return INVALID;
    const [start] = this.order;
    if (start === undefined) return NO_SERVER;
    const whole = BigInt(text);
    const isBetween = this.orderAgain.length > 0;
    if (whole === 0n) return this.step(start, isBetween ? FIRST : PLAIN, '0');
    const stage = this.stages.get(Number(whole % BigInt(TAGS)));
    if (stage === undefined) return UNKNOWN_SERVER;
    const { place, pass } = stage;
    const cursor = String(whole >> TAG_BITS);
    if (isBetween) return this.step(place, pass === PLAIN ? FIRST : pass, cursor);
    // Since then keys may have moved to servers that were asked before.
    return pass === FIRST ? this.step(start, PLAIN, '0') : this.step(place, PLAIN, cursor);
  }

  private step(place: number, pass: number, cursor: string): ScanStep {
    const order = pass === SECOND ? this.orderAgain : this.order;
    const next = order[order.indexOf(place) + 1];
    const again = pass === FIRST ? this.orderAgain[0] : undefined;
    const nextTag = next !== undefined ? this.tagOf(next, pass) : again !== undefined ? this.tagOf(again, SECOND) : 0;
    return { place, tag: this.tagOf(place, pass), nextTag, cursor };
  }

  private tagOf(place: number, pass: number): number {
    return this.tags[pass]?.[place] as number;
  }

  /** A tag of each name, 1 or more. Of two names with the same, the later in the alphabet gets the next that is free. */
  private addTags(names: readonly string[], salt: string, pass: number): readonly number[] {
    const { stages } = this;
    const tags: number[] = [];
    const places = names.map((name, place) => ({ name, place })).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const { name, place } of places) {
      let tag = tagOf(name + salt);
      while (stages.has(tag)) tag = (tag % (TAGS - 1)) + 1;
      stages.set(tag, { place, pass });
      tags[place] = tag;
    }
    return tags;
  }
}

/** FNV-1a of the name, folded to 16 bits; never 0. */
function tagOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return ((((hash >>> 16) ^ hash) & 0xffff) % (TAGS - 1)) + 1;
}

/** Puts the server into the cursor of its reply: `*2`, the cursor, the keys. */
export class ScanReply implements ReplyTransform {
  private readonly tag: number;
  private readonly nextTag: number;
  private head: Buffer | null = Buffer.alloc(0);
  /** Nothing of the server's reply is passed on any more. */
  private isRefused = false;

  constructor(tag: number, nextTag: number) {
    this.tag = tag;
    this.nextTag = nextTag;
  }

  piece(buf: Buffer, start: number, end: number, isLast: boolean, out: TransformOut): void {
    if (this.isRefused) return;
    if (this.head === null) {
      out.append(buf, start, end);
      return;
    }
    const had = this.head.length;
    const head = Buffer.concat([this.head, buf.subarray(start, Math.min(end, start + HEAD_MAX_BYTES))]);
    const cursorEnd = endOfCursor(head);
    if (cursorEnd < 0 && !isLast && head.length < HEAD_MAX_BYTES) {
      this.head = head;
      return;
    }
    this.head = null;
    if (cursorEnd <= 0) {
      // An error, or nothing that we know: it is the client's to read.
      out.append(head, 0, had);
      out.append(buf, start, end);
      return;
    }
    const own = BigInt(head.toString('latin1', head.lastIndexOf(LF, cursorEnd - 2) + 1, cursorEnd - 2));
    if (own > OWN_CURSOR_MAX) {
      this.isRefused = true;
      out.append(TOO_LARGE, 0, TOO_LARGE.length);
      return;
    }
    const cursor = String(own === 0n ? this.nextTag : (own << TAG_BITS) | BigInt(this.tag));
    const changed = Buffer.from(`*2\r\n$${cursor.length}\r\n${cursor}\r\n`, 'latin1');
    out.append(changed, 0, changed.length);
    out.append(buf, start + cursorEnd - had, end);
  }

  failure(): null {
    return null;
  }
}

/** Where the cursor's bulk string ends, with its CR LF; -1: it may come yet; 0: the reply is another. */
function endOfCursor(head: Buffer): number {
  if (head.length > 0 && head[0] !== STAR) return 0;
  const first = head.indexOf(LF) + 1;
  if (first === 0) return -1;
  if (head.length > first && head[first] !== DOLLAR) return 0;
  const second = head.indexOf(LF, first) + 1;
  if (second === 0) return -1;
  const third = head.indexOf(LF, second) + 1;
  if (third === 0) return -1;
  return /^\d{1,20}$/.test(head.toString('latin1', second, third - 2)) ? third : 0;
}
