import { AccountFigures } from './account-figures.ts';
import type { PasswordCheck } from './password-check.ts';

/** What an account is made of. */
export interface AccountOptions {
  readonly name: string;
  /** SHA-256 of each of its passwords, in hex. */
  readonly passwords: readonly string[];
  /** Clients have it before they sign in, and any password will do. */
  readonly isOpen: boolean;
  /** Names of client certificates that sign in to it. */
  readonly certificates: readonly string[];
  /** See settings/access-rules.ts. */
  readonly rules: string;
  /** Those that it may choose, as clients number them; null: all. */
  readonly databases: readonly number[] | null;
  /** What its keys and channels begin with on the servers, what all of the pool begin with included; empty: nothing. */
  readonly keyPrefix: string;
  /** It has more of a prefix than all of the pool have, and is to see nothing of other users. Left out: it has not. */
  readonly isTenant?: boolean;
}

/** What a protocol makes of the rules of an account; nobody else looks into it. */
export interface Permissions {
  /** What of topics they allow is allowed by these, too: who has subscribed may go on listening. */
  keepTopicsOf(before: Permissions): boolean;
}

/** Somebody who may use a pool: one object for a user, pool and worker, until the configuration says something else of it. */
export class Account {
  readonly name: string;
  readonly isOpen: boolean;
  readonly certificates: readonly string[];
  readonly rules: string;
  readonly databases: readonly number[] | null;
  readonly keyPrefix: Buffer;
  readonly isTenant: boolean;
  readonly passwords: PasswordCheck;
  figures = new AccountFigures();
  /** Made by the parser of the pool before any client has the account; null: it may do everything. */
  permissions: Permissions | null = null;

  constructor(options: AccountOptions, passwords: PasswordCheck) {
    this.name = options.name;
    this.isOpen = options.isOpen;
    this.certificates = options.certificates;
    this.rules = options.rules;
    this.databases = options.databases;
    this.keyPrefix = Buffer.from(options.keyPrefix);
    this.isTenant = options.isTenant ?? false;
    this.passwords = passwords;
    this.figures.setPasswords(passwords.digestsInHex);
  }

  /** It takes the place of another of its name: what was counted goes on. */
  continueFrom({ figures }: Account): void {
    figures.setPasswords(this.passwords.digestsInHex);
    this.figures = figures;
  }
}
