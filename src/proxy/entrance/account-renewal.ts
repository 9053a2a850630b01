import type { Account } from '../../accounts/account.ts';
import type { Accounts } from '../../accounts/accounts.ts';
import type { Session } from '../../protocol/protocol.ts';

const NO_PREFIX = Buffer.alloc(0);

/** A client that may have an account. */
export interface AccountHolder {
  readonly session: Session;
  /** It counts as whom it is now. */
  countIn(): void;
  /** Ends the connection when what it asked is answered. */
  drain(): void;
}

/**
 * The accounts of a pool are others now; null: it has none. A client that signed in gets the account of the same name, whose
 * rights it has from its next request on; one that the pool has no account for any more is let go.
 */
export function renewAccounts(
  clients: readonly AccountHolder[],
  before: Accounts | null,
  after: Accounts | null,
  needsPassword: boolean,
): void {
  if (before === after) return;
  if (before !== null) after?.continueFrom(before);
  // Some leave the list while they are let go.
  for (const client of [...clients]) {
    const { session } = client;
    // Its port looks after it; see `PoolPassage.lookAgain`.
    if (session.port?.poolBy === 'user') continue;
    const { account, user } = session;
    if (after === null) {
      session.signOut();
      client.countIn();
      if (needsPassword) client.drain();
      continue;
    }
    // Who had given the pool's password before there were users has its account.
    const name = account?.name ?? (before === null && session.isAuthenticated ? user : null);
    const next = name === null ? after.open : after.find(name);
    if (next !== null && mayStay(session, account, next)) {
      session.signIn(next);
      client.countIn();
    } else if (account !== null || before === null || next !== null) {
      session.signOut();
      client.drain();
    }
  }
}

/**
 * Who listens to what its user may not hear any more has to go: messages would go on coming. And who has keys of other names now:
 * what it watches, waits for or has subscribed to would be another's.
 */
export function mayStay({ topics }: Session, before: Account | null, after: Account): boolean {
  if (!(before?.keyPrefix ?? NO_PREFIX).equals(after.keyPrefix)) return false;
  if (before === null || topics.every(count => count === 0) || before.permissions === null) return true;
  return after.permissions?.keepTopicsOf(before.permissions) ?? true;
}
