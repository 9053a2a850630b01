import type { Admission } from './admission.ts';
import type { ClientHost } from './client-host.ts';
import type { Tenants } from './tenants.ts';

/** A client as its owner keeps it. */
export interface OwnedClient {
  /** Among the owner's clients; the owner's. */
  place: number;
}

/** Keeps the clients of a pool, or those of a port whose pool is not known yet. */
export interface ClientOwner extends ClientHost {
  readonly admission: Admission;
  readonly tenants: Tenants;
  /** It has a place; see `Admission`. */
  addClient(client: OwnedClient): void;
  removeClient(client: OwnedClient): void;
}
