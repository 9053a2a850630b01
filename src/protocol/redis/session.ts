import type { Session } from '../protocol.ts';

/** What Ringmaster remembers of one Redis client. */
export class RedisSession implements Session {
  readonly id: number;
  /** Has given the pool's password. Means nothing in a pool that has none. */
  isAuthenticated = false;
  /** CLIENT SETNAME; empty: none. */
  name = '';
  /** CLIENT SETINFO LIB-NAME and LIB-VER. */
  libName = '';
  libVersion = '';
  readonly connectedAtMs = Date.now();

  constructor(id: number) {
    this.id = id;
  }

  /** RESET: as if the client had just connected. */
  reset(): void {
    this.isAuthenticated = false;
    this.name = '';
  }
}
