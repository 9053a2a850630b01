import type { Account } from '../../../accounts/account.ts';
import type { Accounts } from '../../../accounts/accounts.ts';
import { KeyPrefix } from './key-prefix.ts';

/** The prefixes of a pool: that of its own, and those of its users, which begin with it. */
export class KeyPrefixes {
  /** Somebody has one. */
  readonly hasAny: boolean;
  private readonly ofPool: KeyPrefix | null;
  private readonly byAccount = new Map<Account, KeyPrefix | null>();

  constructor(ofPool: string | null, accounts: Accounts | null) {
    const made = new Map<string, KeyPrefix>();
    const prefix = (text: string): KeyPrefix | null => {
      if (text === '') return null;
      const known = made.get(text) ?? new KeyPrefix(text);
      made.set(text, known);
      return known;
    };
    this.ofPool = prefix(ofPool ?? '');
    for (const account of accounts?.all ?? []) {
      this.byAccount.set(account, prefix(account.keyPrefix.toString('latin1')));
    }
    this.hasAny = made.size > 0;
  }

  /** That of a client with this account; null: it has none. */
  of(account: Account | null): KeyPrefix | null {
    if (account === null) return this.ofPool;
    return this.byAccount.get(account) ?? null;
  }
}
