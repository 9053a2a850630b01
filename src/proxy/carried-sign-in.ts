import type { RequestParser, Session } from '../protocol/protocol.ts';

/**
 * A client goes on in the pool of `after`: it stays signed in as the user of the same name who has the same passwords there, or by
 * the same password of the pool; else it is who clients are there that have not signed in.
 */
export function carrySignIn(session: Session, before: RequestParser, after: RequestParser): void {
  const { account, isAuthenticated } = session;
  if (after.accounts === null) {
    const isSame = before.accounts === null && after.hasPasswordOf(before);
    if (!isSame) session.signOut();
    return;
  }
  const same = account === null ? null : after.accounts.find(account.name);
  const isSame = isAuthenticated && same !== null && account !== null && same.passwords.isAlike(account.passwords);
  const next = isSame ? same : after.accounts.open;
  session.signOut();
  if (next !== null) session.signIn(next);
}
