import { hash, timingSafeEqual } from 'node:crypto';
import type { Accounts } from '../../accounts/accounts.ts';
import { SIGN_IN_AWAITED, SIGN_IN_DONE, SIGN_IN_WRONG, type SignInOutcome } from '../../accounts/sign-in-places.ts';
import type { ParserOptions, SignInWitness } from '../parser-options.ts';
import type { MemcachedSession } from './session.ts';

const NUL = 0;
const SPACE = 0x20;
const SEPARATOR = ':';

/** Whom clients of a pool may sign in as: its users, or else the user and the password in its file, `user:password`. */
export class Credentials {
  private readonly accounts: Accounts | null;
  private readonly user: string;
  /** Of `user password`, as text clients say it. */
  private readonly digest: Buffer;

  private readonly onSignIn: SignInWitness;

  private constructor(userAndPassword: string, accounts: Accounts | null, onSignIn: SignInWitness = () => {}) {
    this.onSignIn = onSignIn;
    this.accounts = accounts;
    this.user = userAndPassword.slice(0, userAndPassword.indexOf(SEPARATOR));
    this.digest = digestOf(Buffer.from(userAndPassword.replace(SEPARATOR, ' ')));
  }

  /** Null: clients need not sign in. */
  static of({ password, accounts = null, onSignIn }: ParserOptions): Credentials | null {
    return password === null && accounts === null ? null : new Credentials(password ?? SEPARATOR, accounts, onSignIn);
  }

  /**
   * `value`: that of the `set` by which text clients authenticate, user and password with a space between them. Whoever is wrong
   * is nobody from then on. Takes the same time whatever is wrong.
   */
  admit(session: MemcachedSession, value: Buffer): SignInOutcome {
    session.signOut();
    const space = value.indexOf(SPACE);
    const name = value.toString('utf8', 0, Math.max(space, 0));
    const outcome = this.signIn(session, value, name, space);
    if (outcome !== SIGN_IN_AWAITED) this.onSignIn(name, outcome);
    return outcome;
  }

  private signIn(session: MemcachedSession, value: Buffer, name: string, space: number): SignInOutcome {
    const { accounts } = this;
    if (accounts !== null) return accounts.signIn(session, name, value.subarray(space + 1));
    session.isAuthenticated = timingSafeEqual(digestOf(value), this.digest);
    if (!session.isAuthenticated) return SIGN_IN_WRONG;
    session.user = this.user;
    return SIGN_IN_DONE;
  }

  /** Whoever has given `other` has given this. */
  isAlike(other: Credentials | null): boolean {
    return other !== null && timingSafeEqual(other.digest, this.digest);
  }

  /** `message`: of SASL's PLAIN (RFC 4616): authorization, user and password, a zero byte between them. */
  admitPlain(session: MemcachedSession, message: Buffer): SignInOutcome {
    const userStart = message.indexOf(NUL) + 1;
    const userEnd = message.indexOf(NUL, userStart);
    if (userStart === 0 || userEnd < 0) return SIGN_IN_WRONG;
    const value = Buffer.from(message.subarray(userStart));
    value[userEnd - userStart] = SPACE;
    const outcome = this.admit(session, value);
    value.fill(0);
    return outcome;
  }
}

/** `value` of a `set` by which a text client authenticates: the user in it. */
export function userOfValue(value: Buffer): string {
  const space = value.indexOf(SPACE);
  return value.toString('utf8', 0, space < 0 ? value.length : space);
}

/** The same of a message of SASL's PLAIN; empty: it is none. */
export function userOfPlain(message: Buffer): string {
  const userStart = message.indexOf(NUL) + 1;
  const userEnd = message.indexOf(NUL, userStart);
  return userStart === 0 || userEnd < 0 ? '' : message.toString('utf8', userStart, userEnd);
}

/** Equal lengths are what timingSafeEqual wants; a digest also hides the password's. */
function digestOf(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer');
}
