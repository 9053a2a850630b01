import { hash, timingSafeEqual } from 'node:crypto';

const DIGEST_BYTES = 32;

/** The digest that passwords are known by. In one go: what OpenSSL keeps of it is wiped at once, and not when the collector comes. */
export function passwordDigest(password: Buffer): Buffer {
  return hash('sha256', password, 'buffer');
}

/** The passwords of one account, as digests. */
export class PasswordCheck {
  private readonly digests: readonly Buffer[];

  /** SHA-256 in hex. */
  constructor(digests: readonly string[]) {
    this.digests = digests.map(hex => Buffer.from(hex, 'hex')).filter(digest => digest.length === DIGEST_BYTES);
  }

  get digestsInHex(): readonly string[] {
    return this.digests.map(digest => digest.toString('hex'));
  }

  /** They are the same ones. */
  isAlike({ digests }: PasswordCheck): boolean {
    const own = this.digests;
    return own.length === digests.length && own.every((digest, i) => digest.equals(digests[i] as Buffer));
  }

  /** Which of the passwords has this digest, or -1. Looks at all of them, whichever it is. */
  find(digest: Buffer): number {
    let found = -1;
    for (const [i, each] of this.digests.entries()) if (timingSafeEqual(each, digest)) found = i;
    return found;
  }
}
