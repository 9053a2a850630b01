import type { Account } from '../../accounts/account.ts';
import type { RequestParser, Session } from '../../protocol/protocol.ts';

/**
 * A client goes on in the pool of `after`: it stays signed in as the user of the same name who has the same passwords there, or by
 * the same password of the pool; else it is who clients are there that have not signed in.
 */
export function carrySignIn(session: Session, before: RequestParser, after: RequestParser): void {
  if (after.accounts === null) {
    const isSame = before.accounts === null && after.hasPasswordOf(before);
    if (!isSame) session.signOut();
    return;
  }
  const next = carriedAccount(session, after);
  session.signOut();
  if (next !== null) session.signIn(next);
}

/** Whose account it has there, where there are users; null: nobody's. */
export function carriedAccount({ account, isAuthenticated }: Session, after: RequestParser): Account | null {
  if (after.accounts === null) return null;
  const same = account === null ? null : after.accounts.find(account.name);
  const isSame = isAuthenticated && same !== null && account !== null && same.passwords.isAlike(account.passwords);
  return isSame ? same : after.accounts.open;
}
