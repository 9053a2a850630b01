import type { Account } from '../../../accounts/account.ts';
import type { Accounts } from '../../../accounts/accounts.ts';
import { KeyPrefix } from './key-prefix.ts';

/** The prefixes of a pool: that of its own, and those of its users, which begin with it. */
export class KeyPrefixes {
  /** Somebody has one. */
  readonly hasAny: boolean;
  private readonly ofPool: KeyPrefix | null;
  private readonly byText = new Map<string, KeyPrefix>();
  private readonly byAccount = new WeakMap<Account, KeyPrefix | null>();

  constructor(ofPool: string | null, accounts: Accounts | null) {
    this.ofPool = this.prefixOf(ofPool ?? '');
    for (const account of accounts?.all ?? []) this.of(account);
    this.hasAny = this.byText.size > 0;
  }

  /** That of a client with this account; null: it has none. The same object for the same prefix. */
  of(account: Account | null): KeyPrefix | null {
    if (account === null) return this.ofPool;
    let prefix = this.byAccount.get(account);
    if (prefix === undefined) {
      prefix = this.prefixOf(account.keyPrefix.toString('latin1'));
      this.byAccount.set(account, prefix);
    }
    return prefix;
  }

  private prefixOf(text: string): KeyPrefix | null {
    if (text === '') return null;
    let prefix = this.byText.get(text);
    if (prefix === undefined) {
      prefix = new KeyPrefix(text);
      this.byText.set(text, prefix);
    }
    return prefix;
  }
}
