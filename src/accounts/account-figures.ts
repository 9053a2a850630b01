/** How often a password was given, and when last. */
export interface PasswordUse {
  /** In hex: how one that stays is known again. */
  readonly digest: string;
  uses: number;
  /** Microseconds since the epoch; 0: never. */
  lastUsedAtUs: number;
}

/** What is counted of one account in one worker: it stays when the account becomes another of the same name. */
export class AccountFigures {
  signIns = 0;
  refusedSignIns = 0;
  deniedRequests = 0;
  /** Clients that are signed in as it now. */
  connections = 0;
  /** Of clients that gave the right password, or had the right certificate: it had as many connections as it may. */
  turnedAwayConnections = 0;
  passwords: readonly PasswordUse[] = [];
  /** Something of it changed since it was last reported. */
  isUnreported = true;

  /** The passwords are these now, in the order of the file. */
  setPasswords(digests: readonly string[]): void {
    const known = new Map(this.passwords.map(use => [use.digest, use]));
    this.passwords = digests.map(digest => known.get(digest) ?? { digest, uses: 0, lastUsedAtUs: 0 });
    this.isUnreported = true;
  }

  /** `password`: index of the one that was given; -1: none was needed. */
  signedIn(password: number): void {
    this.signIns++;
    this.isUnreported = true;
    const use = this.passwords[password];
    if (use === undefined) return;
    use.uses++;
    use.lastUsedAtUs = Date.now() * 1000;
  }

  refused(): void {
    this.refusedSignIns++;
    this.isUnreported = true;
  }

  turnedAway(): void {
    this.turnedAwayConnections++;
    this.isUnreported = true;
  }

  /** So many clients more, or less. */
  changeConnections(by: number): void {
    this.connections += by;
    this.isUnreported = true;
  }

  denied(): void {
    this.deniedRequests++;
    this.isUnreported = true;
  }
}
