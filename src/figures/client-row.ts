/** A client that is connected, as operators see it. Plain data: it travels between processes. */
export interface ClientRow {
  /** Unique among the workers that live. */
  readonly id: number;
  readonly pool: string;
  /** The slot of its worker. */
  readonly worker: number;
  /** Address and port, or that it came by a unix socket. */
  readonly address: string;
  /** What it calls itself; empty: nothing. */
  readonly name: string;
  /** Whom it has logged in as; empty: nobody. */
  readonly user: string;
  readonly database: number;
  readonly ageMs: number;
  /** Since it last sent something. */
  readonly idleMs: number;
  /** Requests that are not answered, … */
  readonly pendingRequests: number;
  /** … and the bytes of these and of replies that it has not read. */
  readonly pendingBytes: number;
  /** All that is kept for it. */
  readonly memoryBytes: number;
  /** Since it came. */
  readonly requests: number;
  /** The last that it asked for; empty: nothing yet. */
  readonly command: string;
  /** Waits at a server, as by BLPOP. */
  readonly isBlocked: boolean;
  /** Its next request waits because of a limit. */
  readonly isLimited: boolean;
}

export const CLIENT_SORTS = ['requests', 'pending', 'idle', 'age'] as const;
export type ClientSort = (typeof CLIENT_SORTS)[number];

/** Which clients are looked for. Null: all. */
export interface ClientSearch {
  readonly id: number | null;
  readonly pool: string | null;
  /** A part of the address, and of the name. */
  readonly address: string | null;
  readonly name: string | null;
  readonly user: string | null;
  readonly database: number | null;
  readonly sort: ClientSort;
  /** So many at most, those with most of what is sorted by. */
  readonly limit: number;
  /** Cuts off all that are found. */
  readonly isCut: boolean;
}

export interface ClientPage {
  readonly rows: readonly ClientRow[];
  /** How many there are. */
  readonly total: number;
}

type Sorted = Pick<ClientRow, 'id' | 'requests' | 'pendingBytes' | 'idleMs' | 'ageMs'>;

/** What clients are sorted by, the largest first. */
export function sortValue(client: Omit<Sorted, 'id'>, sort: ClientSort): number {
  switch (sort) {
    case 'requests':
      return client.requests;
    case 'pending':
      return client.pendingBytes;
    case 'idle':
      return client.idleMs;
    case 'age':
      return client.ageMs;
  }
}

/** Those of several pages in one order; of equals the smaller number first, so that a list can be read in parts. */
export function sortClients(rows: readonly ClientRow[], sort: ClientSort): ClientRow[] {
  return rows.toSorted((a, b) => sortValue(b, sort) - sortValue(a, sort) || a.id - b.id);
}
