import type { Listing, ListingRequest } from '../../key-sweep.ts';
import { REPLY_KEYS, REPLY_STATS, REPLY_VERSION } from '../reply-scanner.ts';
import { DumpedKeys } from './dumped-keys.ts';

/** Takes the keys that are told. */
export interface KeyTaker {
  readonly isFull: boolean;
  /** `key`: its bytes, each a character. */
  add(key: string): void;
}

/** The crawler does one thing at a time. */
const BUSY_PAUSE_MS = 200;
const BUSY = /^BUSY /;
const IS_CRAWLING = /^STAT lru_crawler_running [^0]/m;
const QUOTED_CHARACTERS = 80;

const LOOK: ListingRequest = { bytes: Buffer.from('stats\r\n'), replyKind: REPLY_STATS, pauseMs: 0, isLong: false };
const LOOK_AGAIN: ListingRequest = { ...LOOK, pauseMs: BUSY_PAUSE_MS };
const DUMP: ListingRequest = {
  bytes: Buffer.from('lru_crawler metadump hash\r\n'),
  replyKind: REPLY_KEYS,
  pauseMs: 0,
  isLong: true,
};
const CONFIRM: ListingRequest = {
  bytes: Buffer.from('version\r\n'),
  replyKind: REPLY_VERSION,
  pauseMs: 0,
  isLong: false,
};

/**
 * The keys with a prefix of one memcached, by its crawler:
 *
 *   look: is it at work? ─ no ─▶ dump: keys, to the end ─▶ confirm: nothing came behind the end ─▶ over
 *     ▲   └ yes, in a while ┐      └─ broken, or the taker is full: cut off ┐
 *     └─────────────────────┴───────────────────────────────────────────────┘
 *
 * It is asked to go by the hash table, where every key has one place for as long as it is there (memcached 1.6.9): by its lists
 * (`all`) it misses those that go from one to another meanwhile, or that somebody is about to read. It is looked at first because the
 * thread of memcached's that asks a crawler at work waits for it, and with it all the thread's clients.
 */
export class ServerDump implements Listing {
  isOver = false;
  refusal: Buffer | null = null;
  private readonly prefix: Buffer;
  private readonly taker: KeyTaker;
  private readonly refusalFor: (why: string) => Buffer;
  private upcoming = LOOK;
  private asked = LOOK;
  /** Of a short reply. */
  private said = '';
  private keys: DumpedKeys | null = null;

  constructor(prefix: Buffer, taker: KeyTaker, refusalFor: (why: string) => Buffer) {
    this.prefix = prefix;
    this.taker = taker;
    this.refusalFor = refusalFor;
  }

  next(): ListingRequest | null {
    if (this.isOver) return null;
    this.asked = this.upcoming;
    this.said = '';
    this.keys = this.asked === DUMP ? new DumpedKeys(this.prefix, key => this.taker.add(key)) : null;
    return this.asked;
  }

  read(buf: Buffer, start: number, end: number, isLast: boolean): boolean {
    if (this.keys !== null) return this.readDump(this.keys, buf, start, end, isLast);
    this.said += buf.toString('latin1', start, end);
    if (!isLast) return true;
    if (this.asked === CONFIRM) this.isOver = true;
    else this.upcoming = IS_CRAWLING.test(this.said) ? LOOK_AGAIN : DUMP;
    return true;
  }

  private readDump(keys: DumpedKeys, buf: Buffer, start: number, end: number, isLast: boolean): boolean {
    keys.read(buf, start, end);
    const { isBroken, ending } = keys;
    if (isLast && !isBroken && ending === 'END') {
      this.upcoming = CONFIRM;
      return true;
    }
    this.upcoming = isBroken || isLast ? LOOK_AGAIN : LOOK;
    if (isLast && !isBroken && !BUSY.test(ending)) this.refusal = this.refusalFor(whyUnlisted(ending));
    return !isBroken && (isLast || !this.taker.isFull);
  }
}

/** By what the server says in place of keys. */
function whyUnlisted(line: string): string {
  if (line.startsWith('BADCLASS')) return 'memcached 1.6.12 or newer is needed to list its keys';
  return `a server does not list its keys: ${line.slice(0, QUOTED_CHARACTERS).replace(/[^ -~]/g, '?')}`;
}
