import { SIGN_IN_DONE, SIGN_IN_FULL, type SignInOutcome } from '../../accounts/sign-in-places.ts';
import type { AuditEntry } from '../../figures/audit-entry.ts';
import { keyLabel, labelText } from '../../figures/key-label.ts';
import type { RequestReading, Session } from '../../protocol/protocol.ts';
import { FLAG_AUDITED, ROUTE_LOCAL } from '../../protocol/routes.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { RequestOrigin } from '../request-origin.ts';

export interface AuditOptions {
  /** Dangerous commands, beside who signs in. */
  readonly hasCommands: boolean;
  readonly hasKeys: boolean;
}

/** Entries that wait to be taken; more are only counted. */
const WAITING_MAX = 1024;
const KEYS_MAX = 16;
const USER_MAX_LENGTH = 128;
/** Errors of the protocols, of what Ringmaster answers itself. */
const ERROR_REPLY = /^(?:-|ERROR|CLIENT_ERROR|SERVER_ERROR)/;
const ERROR_PREFIX_BYTES = 16;

/** A pool, and the request of a client of it that was read. */
export interface AuditedPool {
  readonly poolName: string;
  readonly parser: RequestReading;
  readonly requestBytes: RequestBytes;
}

/** What the clients of a worker do that an audit log has, until it is taken to be written. */
export class AuditTrail {
  /** Null: nobody keeps an audit log. */
  options: AuditOptions | null = null;
  /** Ever. */
  dropped = 0;
  private waiting: AuditEntry[] = [];
  /** Of the request that is being read. */
  private signIn: { readonly user: string; readonly outcome: SignInOutcome } | null = null;
  private readonly onFound: () => void;

  /** `onFound`: called with the first that waits. */
  constructor(onFound: () => void) {
    this.onFound = onFound;
  }

  /** For parsers: somebody has signed in, or tried to. */
  readonly witness = (user: string, outcome: SignInOutcome): void => {
    if (this.options !== null) this.signIn = { user, outcome };
  };

  /** Its certificate has signed a client in, or was of no use. */
  onCertificate(pool: string, user: string, client: string, outcome: SignInOutcome): void {
    if (this.options === null) return;
    this.add({ atMs: Date.now(), pool, client, user, command: '', keys: null, ...eventOf(outcome) });
  }

  /** The request was read, and is about to be dispatched. */
  onRequest({ poolName: pool, parser, requestBytes }: AuditedPool, { user }: Session, origin: RequestOrigin): void {
    const { signIn, options } = this;
    this.signIn = null;
    if (options === null) return;
    const command = origin.note.command?.name ?? '';
    const common = { atMs: Date.now(), pool, client: origin.peer, command };
    if (signIn !== null) {
      const named = signIn.user.slice(0, USER_MAX_LENGTH);
      this.add({ ...common, user: named, keys: null, ...eventOf(signIn.outcome) });
    } else if (options.hasCommands && (parser.flags & FLAG_AUDITED) !== 0) {
      const isRefused = parser.route === ROUTE_LOCAL && isError(parser.reply);
      const keys = options.hasKeys ? keysOf(parser, requestBytes) : null;
      this.add({ ...common, event: 'command', reason: '', user, isRefused, keys });
    }
  }

  /** Those that wait. */
  take(): readonly AuditEntry[] {
    const { waiting } = this;
    this.waiting = [];
    return waiting;
  }

  private add(entry: AuditEntry): void {
    if (this.waiting.length >= WAITING_MAX) {
      this.dropped++;
      return;
    }
    this.waiting.push(entry);
    if (this.waiting.length === 1) this.onFound();
  }
}

function eventOf(outcome: SignInOutcome): Pick<AuditEntry, 'event' | 'reason' | 'isRefused'> {
  if (outcome === SIGN_IN_DONE) return { event: 'signed_in', reason: '', isRefused: false };
  const reason = outcome === SIGN_IN_FULL ? 'connections' : 'wrong_password';
  return { event: 'sign_in_refused', reason, isRefused: true };
}

function isError(reply: Buffer): boolean {
  return ERROR_REPLY.test(reply.toString('latin1', 0, Math.min(reply.length, ERROR_PREFIX_BYTES)));
}

function keysOf({ route, keyCount, keyStarts, keyEnds }: RequestReading, { keyBuf }: RequestBytes): string[] {
  const count = route === ROUTE_LOCAL ? 0 : Math.min(keyCount, KEYS_MAX);
  const textOf = (i: number) => labelText(keyLabel(keyBuf, keyStarts[i] as number, keyEnds[i] as number));
  return Array.from({ length: count }, (_, i) => textOf(i));
}
