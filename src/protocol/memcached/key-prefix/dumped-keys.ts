const LF = 10;
const EQUALS = 61;
const KEY = Buffer.from('key=');
/** `key`, `exp`, `la`, `cas`, `fetch`, `cls`, `size`. */
const FIELDS = 7;
const LINE = /^key=(\S+) exp=-?\d+ la=\d+ cas=\d+ fetch=(?:yes|no) cls=\d+ size=\d+$/;
/** What stands in a key as it is; all else is %XX (uriencode in memcached's util.c). */
const PLAIN = /[A-Za-z0-9._~-]/;

/**
 * Reads what a memcached answers to `lru_crawler metadump`, in pieces that may end anywhere, and tells the keys that begin with a
 * prefix:
 *
 *   key=app%3Ak exp=-1 la=1795718486 cas=1 fetch=no cls=1 size=65\n … END\r\n
 *
 * A server whose client does not read for a second goes on with a line in the middle of another (crawler.c since 1.6.19): what is no
 * such line makes the whole dump one that nothing is known by.
 */
export class DumpedKeys {
  /** Something was no line of a key. */
  isBroken = false;
  /** The line that ended it, without its line end. */
  ending = '';
  private readonly begin: Buffer;
  private readonly onKey: (key: string) => void;
  private rest: Buffer | null = null;

  /** `onKey` gets the bytes of a key, each a character. */
  constructor(prefix: Buffer, onKey: (key: string) => void) {
    this.begin = Buffer.from(`key=${encoded(prefix)}`, 'latin1');
    this.onKey = onKey;
  }

  read(buf: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const lineEnd = buf.indexOf(LF, at);
      if (lineEnd < 0 || lineEnd >= end) break;
      if (this.rest === null) this.take(buf, at, lineEnd);
      else {
        const line = Buffer.concat([this.rest, buf.subarray(at, lineEnd)]);
        this.rest = null;
        this.take(line, 0, line.length);
      }
      at = lineEnd + 1;
    }
    // The scanner has bounded how long a line may be.
    if (at < end) this.rest = Buffer.concat([this.rest ?? Buffer.alloc(0), buf.subarray(at, end)]);
  }

  private take(buf: Buffer, start: number, end: number): void {
    if (this.ending !== '') this.isBroken = true;
    if (!begins(buf, start, end, KEY)) {
      this.ending = buf.toString('latin1', start, end).trimEnd();
      return;
    }
    let fields = 0;
    for (let at = start; at < end; at++) if (buf[at] === EQUALS) fields++;
    if (fields !== FIELDS) this.isBroken = true;
    else if (begins(buf, start, end, this.begin)) {
      const key = LINE.exec(buf.toString('latin1', start, end))?.[1];
      if (key === undefined) this.isBroken = true;
      else this.onKey(decoded(key));
    }
  }
}

function begins(buf: Buffer, start: number, end: number, word: Buffer): boolean {
  return end - start >= word.length && buf.compare(word, 0, word.length, start, start + word.length) === 0;
}

function encoded(prefix: Buffer): string {
  return [...prefix.toString('latin1')].map(each => (PLAIN.test(each) ? each : percent(each))).join('');
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function decoded(key: string): string {
  return key.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
