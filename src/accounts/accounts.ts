import { Account, type AccountOptions } from './account.ts';
import { PasswordCheck, passwordDigest } from './password-check.ts';

/** What clients are before they sign in, where that is anybody. */
export const DEFAULT_ACCOUNT = 'default';

/** Stands for a user that does not exist: to look it up takes as long. */
const NOBODY = new PasswordCheck(['0'.repeat(64)]);

/** Who may use one pool. One for a pool and worker; another takes its place when the configuration changes. */
export class Accounts {
  private readonly byName: ReadonlyMap<string, Account>;
  private readonly byCertificate = new Map<string, Account>();
  /** Whom clients are who have not signed in; null: nobody, they must. */
  readonly open: Account | null;
  /** Wrong passwords so far, those for nobody's name included. */
  refusals = 0;

  constructor(options: readonly AccountOptions[]) {
    this.byName = new Map(options.map(each => [each.name, new Account(each, new PasswordCheck(each.passwords))]));
    for (const account of this.byName.values()) {
      for (const name of account.certificates) this.byCertificate.set(name, account);
    }
    const account = this.byName.get(DEFAULT_ACCOUNT);
    this.open = account?.isOpen === true ? account : null;
  }

  /** These take the place of others of the same pool. */
  continueFrom(before: Accounts): void {
    if (before === this) return;
    this.refusals = before.refusals;
    for (const account of this.byName.values()) {
      const other = before.find(account.name);
      if (other !== null) account.continueFrom(other);
    }
  }

  get all(): Iterable<Account> {
    return this.byName.values();
  }

  /** The account of this name, or null. */
  find(name: string): Account | null {
    return this.byName.get(name) ?? null;
  }

  /** The account of a user who gives one of its passwords, or null. Takes the same time whatever is wrong. */
  signIn(name: string, password: Buffer): Account | null {
    const account = this.byName.get(name);
    const found = (account?.passwords ?? NOBODY).find(passwordDigest(password));
    if (account === undefined || (found < 0 && !account.isOpen)) {
      account?.figures.refused();
      this.refusals++;
      return null;
    }
    account.figures.signedIn(found);
    return account;
  }

  /** The account that one of the names of a verified client certificate signs in to, or null. */
  ofCertificate(names: readonly string[]): Account | null {
    for (const name of names) {
      const account = this.byCertificate.get(name);
      if (account !== undefined) return account;
    }
    return null;
  }
}
