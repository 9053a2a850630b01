import type { Account } from '../../accounts/account.ts';
import type { SignInPlaces } from '../../accounts/sign-in-places.ts';
import type { PortGuest } from '../port-guest.ts';
import type { Session } from '../protocol.ts';
import { NO_TOPICS, type TopicCounts } from '../topics.ts';

export const WIRE_UNDECIDED = 0;
export const WIRE_TEXT = 1;
export const WIRE_BINARY = 2;

/** What Ringmaster remembers of one memcached client. */
export class MemcachedSession implements Session {
  readonly id: number;
  readonly variant: number = 0;
  readonly name: string = '';
  readonly database: number = 0;
  user = '';
  account: Account | null = null;
  readonly keptBytes: number = 0;
  topics: TopicCounts = NO_TOPICS;
  port: PortGuest | null = null;
  places: SignInPlaces | null = null;
  /** The connection's first byte decides, as in memcached: in text, a later line may begin with any byte. */
  wire: number = WIRE_UNDECIDED;
  /** It has signed in, where one must. */
  isAuthenticated = false;

  constructor(id: number) {
    this.id = id;
  }

  signIn(account: Account): void {
    this.account = account;
    this.user = account.name;
    this.isAuthenticated = true;
  }

  signOut(): () => void {
    const { account, user, isAuthenticated } = this;
    this.account = null;
    this.user = '';
    this.isAuthenticated = false;
    return () => Object.assign(this, { account, user, isAuthenticated });
  }
}
