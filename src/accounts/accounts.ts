import { Account, type AccountOptions } from './account.ts';
import { PasswordCheck, passwordDigest } from './password-check.ts';
import {
  PLACE_AWAITED,
  PLACE_NONE,
  PLACE_TAKEN,
  SIGN_IN_AWAITED,
  SIGN_IN_DONE,
  SIGN_IN_FULL,
  SIGN_IN_WRONG,
  type SignInOutcome,
  type SignInPlaces,
} from './sign-in-places.ts';

/** What clients are before they sign in, where that is anybody. */
export const DEFAULT_ACCOUNT = 'default';

/** A client that would sign in. */
export interface Entrant {
  /** Null: nothing is limited. */
  readonly places: SignInPlaces | null;
  signIn(account: Account): void;
}

/** Stands for a user that does not exist: to look it up takes as long. */
const NOBODY = new PasswordCheck(['0'.repeat(64)]);

/** Who may use one pool. One for a pool and worker; another takes its place when the configuration changes. */
export class Accounts {
  private readonly byName: ReadonlyMap<string, Account>;
  private readonly byCertificate = new Map<string, Account>();
  /** Whom clients are who have not signed in; null: nobody, they must. */
  readonly open: Account | null;
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

  /** Signs in the client that gives one of the passwords of a user. Takes the same time whatever is wrong. */
  signIn(client: Entrant, name: string, password: Buffer): SignInOutcome {
    const account = this.byName.get(name);
    const found = (account?.passwords ?? NOBODY).find(passwordDigest(password));
    if (account === undefined || (found < 0 && !account.isOpen)) {
      account?.figures.refused();
      return SIGN_IN_WRONG;
    }
    const place = client.places === null ? PLACE_TAKEN : client.places.enter(name);
    if (place === PLACE_AWAITED) return SIGN_IN_AWAITED;
    if (place === PLACE_NONE) {
      account.figures.turnedAway();
      return SIGN_IN_FULL;
    }
    account.figures.signedIn(found);
    client.signIn(account);
    return SIGN_IN_DONE;
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
