import { createHash, timingSafeEqual } from 'node:crypto';

const NUL = 0;
const SEPARATOR = ':';

/** User and password of a pool, `user:password` in its file, and whether a client has given them. */
export class Credentials {
  readonly user: string;
  /** Of `user password`, as text clients say it. */
  private readonly digest: Buffer;

  constructor(userAndPassword: string) {
    this.user = userAndPassword.slice(0, userAndPassword.indexOf(SEPARATOR));
    this.digest = digestOf(Buffer.from(userAndPassword.replace(SEPARATOR, ' ')));
  }

  /** `value`: that of the `set` by which text clients authenticate. Takes the same time whatever is wrong. */
  admits(value: Buffer): boolean {
    return timingSafeEqual(digestOf(value), this.digest);
  }

  /** `message`: of SASL's PLAIN (RFC 4616): authorization, user and password, a zero byte between them. */
  admitsPlain(message: Buffer): boolean {
    const userStart = message.indexOf(NUL) + 1;
    const userEnd = message.indexOf(NUL, userStart);
    if (userStart === 0 || userEnd < 0) return false;
    const value = Buffer.from(message.subarray(userStart));
    value[userEnd - userStart] = 0x20;
    return this.admits(value);
  }
}

/** Equal lengths are what timingSafeEqual wants; a digest also hides the password's. */
function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
