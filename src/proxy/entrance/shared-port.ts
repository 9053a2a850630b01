import type { PoolBy } from '../../protocol/port-guest.ts';
import type { TlsGreeting } from '../../socket/tls-intake.ts';
import type { ClientOwner } from '../client-owner.ts';

export interface SharedPortOptions {
  readonly poolBy: PoolBy;
  /**
   * Names of pools by that of their users, by the name that clients ask TLS for, or by the number of a database. Of server names `*`
   * stands for all others, `*.example.net` for all below.
   */
  readonly pools: ReadonlyMap<string, string>;
  /** Users by the names of their client certificates. */
  readonly certificates: ReadonlyMap<string, string>;
}

/** Where clients begin that choose by database. */
const FIRST_DATABASE = '0';

/** A port that several pools share: which of them a client is for. */
export class SharedPort {
  readonly poolBy: PoolBy;
  private pools: ReadonlyMap<string, string>;
  private certificates: ReadonlyMap<string, string>;
  private isClosed = false;
  /** Serves those who have not said who they are: nothing is open to them. */
  private readonly lobby: ClientOwner;
  private readonly find: (pool: string) => ClientOwner | null;

  constructor(
    { poolBy, pools, certificates }: SharedPortOptions,
    lobby: ClientOwner,
    find: (pool: string) => ClientOwner | null,
  ) {
    this.poolBy = poolBy;
    this.pools = pools;
    this.certificates = certificates;
    this.lobby = lobby;
    this.find = find;
  }

  configure({ pools, certificates }: SharedPortOptions): void {
    this.pools = pools;
    this.certificates = certificates;
  }

  /** It leads nowhere any more. */
  close(): void {
    this.isClosed = true;
  }

  /** Null: to no pool that is there. */
  hostOf(name: string): ClientOwner | null {
    const pool = this.poolOf(name);
    return pool === undefined || this.isClosed ? null : this.find(pool);
  }

  /** What leads a client that has just come; empty: nothing yet. */
  nameOf({ serverName, certificateNames }: TlsGreeting): string {
    switch (this.poolBy) {
      case 'server_name':
        return serverName;
      case 'database':
        return FIRST_DATABASE;
      case 'user':
        return this.userOf(certificateNames);
    }
  }

  /** Where a client that has signed out begins anew. */
  get firstName(): string {
    return this.poolBy === 'database' ? FIRST_DATABASE : '';
  }

  /** Where a client of that name is served; of no user, in the port itself. Null: nowhere. */
  homeOf(name: string): ClientOwner | null {
    return name === '' && this.poolBy === 'user' ? this.lobby : this.hostOf(name);
  }

  /** The user of a certificate of these names, if its pool is there; else empty. */
  private userOf(names: readonly string[]): string {
    for (const name of names) {
      const user = this.certificates.get(name);
      if (user !== undefined) return this.hostOf(user) === null ? '' : user;
    }
    return '';
  }

  private poolOf(name: string): string | undefined {
    const { pools, poolBy } = this;
    if (poolBy !== 'server_name') return pools.get(name);
    let asked = name.toLowerCase();
    const found = pools.get(asked);
    if (found !== undefined) return found;
    for (let dot = asked.indexOf('.'); dot >= 0; dot = asked.indexOf('.')) {
      asked = asked.slice(dot + 1);
      const below = pools.get(`*.${asked}`);
      if (below !== undefined) return below;
    }
    return pools.get('*');
  }
}
