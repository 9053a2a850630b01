// AUTH and HELLO, as Redis 7 answers them.

import { hash, timingSafeEqual } from 'node:crypto';
import { type Accounts, DEFAULT_ACCOUNT } from '../../accounts/accounts.ts';
import {
  SIGN_IN_AWAITED,
  SIGN_IN_DONE,
  SIGN_IN_FULL,
  SIGN_IN_NONE,
  SIGN_IN_WRONG,
  type SignInOutcome,
} from '../../accounts/sign-in-places.ts';
import type { SignInWitness } from '../parser-options.ts';
import { setName } from './answers/client-command.ts';
import { REDIS_VERSION } from './commands/command-data.ts';
import { refusalText } from './commands/command-policy.ts';
import type { RequestArgs } from './request-args.ts';
import { SYNTAX_ERROR } from './request-errors.ts';
import { encodeReply, errorReply, OK, ReplyMap } from './resp.ts';
import { NO_SUCH_PROTOCOL } from './resp3-proof.ts';
import type { RedisSession } from './session.ts';

const NO_PASSWORD_SET = errorReply(
  'ERR AUTH <password> called without any password configured for the default user. ' +
    'Are you sure your configuration is correct?',
);
const WRONG_PASSWORD = errorReply('WRONGPASS invalid username-password pair or user is disabled.');
const VERSION_NO_INTEGER = errorReply('ERR Protocol version is not an integer or out of range');
const HELLO_BEFORE_AUTH = errorReply(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option ' +
    'can be used to authenticate the client and select the RESP protocol version at the same time',
);
const HELLO_WATCHING = errorReply(
  refusalText('hello', 'for another version while keys are watched; UNWATCH or EXEC comes first'),
);

/** What a client reads who can't be let in because there are too many. */
export const TOO_MANY_CLIENTS = errorReply('ERR max number of clients reached');
/** Nobody reads it: the request comes again. */
const NOT_YET = Buffer.alloc(0);

/** The name of a user, of any characters. */
export function nameAt(args: RequestArgs, index: number): string {
  return args.buf.toString('utf8', args.starts[index]!, args.ends[index]!);
}

/** Whom clients may sign in as: the pool's users, or else who has its password. */
export class Authentication {
  private readonly digest: Buffer | null;
  private readonly accounts: Accounts | null;
  private readonly hasResp3: boolean;
  private readonly mode: string;
  private readonly onSignIn: SignInWitness;
  private outcome: SignInOutcome = SIGN_IN_NONE;
  private isRehearsing = false;

  /** `mode`: what HELLO says that the pool is. */
  constructor(
    password: string | null,
    accounts: Accounts | null = null,
    hasResp3 = true,
    mode: 'standalone' | 'cluster' = 'standalone',
    onSignIn: SignInWitness = () => {},
  ) {
    this.onSignIn = onSignIn;
    this.accounts = accounts;
    this.hasResp3 = hasResp3;
    this.mode = mode;
    this.digest = password === null ? null : digestOf(Buffer.from(password));
  }

  /** AUTH [username] password. */
  auth(args: RequestArgs, session: RedisSession): Buffer {
    if (args.count > 3) return SYNTAX_ERROR;
    const isOpen = this.accounts === null ? this.digest === null : this.accounts.open !== null;
    if (args.count === 2 && isOpen) return NO_PASSWORD_SET;
    const user = args.count === 3 ? nameAt(args, 1) : DEFAULT_ACCOUNT;
    return this.admit(session, user, args.bytes(args.count - 1)) ? OK : this.refusal;
  }

  /** HELLO [protover [AUTH username password] [SETNAME name]]. */
  hello(args: RequestArgs, session: RedisSession): Buffer {
    let version = session.respVersion;
    if (args.count > 1) {
      const asked = args.integer(1);
      if (Number.isNaN(asked)) return VERSION_NO_INTEGER;
      if (asked !== 2 && (asked !== 3 || !this.hasResp3)) return NO_SUCH_PROTOCOL;
      version = asked;
    }
    // In the order they stand: what comes before a mistake has happened.
    for (let at = 2; at < args.count; at++) {
      const more = args.count - 1 - at;
      if (args.isWord(at, 'auth') && more >= 2) {
        if (!this.admit(session, nameAt(args, at + 1), args.bytes(at + 2))) return this.refusal;
        at += 2;
      } else if (args.isWord(at, 'setname') && more >= 1) {
        const error = setName(session, args.text(++at));
        if (error !== null) return error;
      } else return errorReply(`ERR Syntax error in HELLO option '${args.text(at)}'`);
    }
    if ((this.digest !== null || this.accounts !== null) && !session.isAuthenticated) return HELLO_BEFORE_AUTH;
    // The connection on which the server watches speaks the other.
    if (version !== session.respVersion && session.isWatching) return HELLO_WATCHING;
    session.speak(version);
    const { id, respVersion } = session;
    const entries = ['server', 'redis', 'version', REDIS_VERSION, 'proto', respVersion, 'id', id];
    return encodeReply(new ReplyMap([...entries, 'mode', this.mode, 'role', 'master', 'modules', []]), respVersion);
  }

  /** Does with `session` what HELLO will do once it is carried out, in a pool without users; nobody has signed in by it. */
  rehearse(args: RequestArgs, session: RedisSession): void {
    this.isRehearsing = true;
    this.hello(args, session);
    this.isRehearsing = false;
    this.outcome = SIGN_IN_NONE;
  }

  /** Whoever has given the password of `other` has given this one. */
  isAlike(other: Authentication): boolean {
    return this.digest === null || (other.digest !== null && timingSafeEqual(this.digest, other.digest));
  }

  /** What became of the sign-in that was tried since this was last asked. */
  takeOutcome(): SignInOutcome {
    const { outcome } = this;
    this.outcome = SIGN_IN_NONE;
    return outcome;
  }

  /** `password`: a copy of our own, which is wiped. */
  private admit(session: RedisSession, user: string, password: Buffer): boolean {
    const outcome = this.signIn(session, user, password);
    password.fill(0);
    this.outcome = outcome;
    if (outcome !== SIGN_IN_AWAITED && !this.isRehearsing) this.onSignIn(user, outcome);
    return outcome === SIGN_IN_DONE;
  }

  /** To who was not admitted. */
  private get refusal(): Buffer {
    if (this.outcome === SIGN_IN_FULL) return TOO_MANY_CLIENTS;
    return this.outcome === SIGN_IN_AWAITED ? NOT_YET : WRONG_PASSWORD;
  }

  /** Marks the session as authenticated when user and password are right. Takes the same time whatever is wrong. */
  private signIn(session: RedisSession, user: string, password: Buffer): SignInOutcome {
    if (this.accounts !== null) return this.accounts.signIn(session, user, password);
    const isPasswordRight = this.digest === null || timingSafeEqual(digestOf(password), this.digest);
    if (user !== DEFAULT_ACCOUNT || !isPasswordRight) return SIGN_IN_WRONG;
    session.isAuthenticated = true;
    return SIGN_IN_DONE;
  }
}

/** Equal lengths are what timingSafeEqual wants; a digest also hides the password's. */
function digestOf(password: Buffer): Buffer {
  return hash('sha256', password, 'buffer');
}
