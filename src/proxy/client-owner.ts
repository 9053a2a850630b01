import type { ClientHost } from './client-host.ts';
import type { Places } from './limits/places.ts';
import type { Tenants } from './tenants.ts';

/** A client as its owner keeps it. */
export interface OwnedClient {
  /** Among the owner's clients; the owner's. */
  place: number;
}

/** Keeps the clients of a pool, or those of a port whose pool is not known yet. */
export interface ClientOwner extends ClientHost {
  readonly places: Places;
  readonly tenants: Tenants;
  /** It has its places; see `ClientSeat`. */
  addClient(client: OwnedClient): void;
  removeClient(client: OwnedClient): void;
}
