import type { ServerSweep } from '../../key-sweep.ts';
import { fitsBase64, isTextKey } from '../binary/request-text.ts';
import { ServerDump } from './server-dump.ts';

/** Deletions that go out together. */
const KEYS_A_STEP = 256;
/** Of keys that wait to be deleted. */
const WAITING_MAX_BYTES = 2 * 1024 * 1024;
const BYTES_BESIDE_KEY = 32;
const DONE = /^(?:HD|NF)\b/;
/** A word of text ends with them, or the line does. */
const ENDS_WORD = /[\0\n\r ]/;

/** Deletes the keys with a prefix from one memcached, while the server goes on telling them. */
export class ServerFlush implements ServerSweep {
  readonly listing: ServerDump;
  private readonly refusalFor: (why: string) => Buffer;
  /** The next one last. */
  private keys: string[] = [];
  keptBytes = 0;
  private refusal: Buffer | null = null;

  /** `refusalFor`: what the client reads, by the reason. */
  constructor(prefix: Buffer, refusalFor: (why: string) => Buffer) {
    this.refusalFor = refusalFor;
    this.listing = new ServerDump(prefix, this, refusalFor);
  }

  get isFull(): boolean {
    return this.keptBytes >= WAITING_MAX_BYTES;
  }

  add(key: string): void {
    this.keys.push(key);
    this.keptBytes += key.length + BYTES_BESIDE_KEY;
  }

  step(): readonly Buffer[] {
    const requests: Buffer[] = [];
    for (const key of this.keys.splice(-KEYS_A_STEP)) {
      this.keptBytes -= key.length + BYTES_BESIDE_KEY;
      const request = deletionOf(key);
      if (request === null) this.refusal = this.refusalFor('a key can only be deleted by the binary protocol');
      else requests.push(request);
    }
    return requests;
  }

  take(replies: readonly Buffer[]): Buffer | null {
    for (const reply of replies) {
      const line = reply.toString('latin1').trimEnd();
      if (!DONE.test(line)) return this.refusalFor(`a server answered ${line}`);
    }
    return this.refusal;
  }
}

/** Null: it is neither a word of text nor short enough for base64. */
function deletionOf(key: string): Buffer | null {
  const bytes = Buffer.from(key, 'latin1');
  const isWord = isTextKey(bytes, 0, bytes.length);
  if (!isWord && fitsBase64(bytes.length)) return Buffer.from(`md ${bytes.toString('base64')} b\r\n`);
  return isWord || !ENDS_WORD.test(key) ? Buffer.from(`md ${key}\r\n`, 'latin1') : null;
}
