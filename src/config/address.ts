export interface HostPort {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  /** 0 only in `listen` and `admin`: the system chooses. */
  readonly port: number;
}

/** Whoever is the master of that name: where it listens, Sentinel says. */
export interface MasterAddress {
  readonly master: string;
}

/** As a file writes it. */
export type FixedAddress = HostPort | { readonly path: string };

export type ServerAddress = FixedAddress | MasterAddress;

/** `mode`: permission bits of the unix socket; null: what the umask leaves. */
export type ListenAddress = HostPort | { readonly path: string; readonly mode: number | null };

/** An address as a person writes it: `host:port`, `[v6]:port` or `/path`; or `master NAME`. */
export function addressText(address: ServerAddress): string {
  if ('path' in address) return address.path;
  if ('master' in address) return `master ${address.master}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** The same of where a pool's clients connect; `none` without such a place. */
export function entranceText(listen: ListenAddress | null): string {
  return listen === null ? 'none' : addressText(listen);
}

/** And with the mode of its unix socket: `/path 0660`. */
export function listenText(listen: ListenAddress | null): string {
  if (listen === null) return 'none';
  const mode = 'mode' in listen && listen.mode !== null ? ` 0${listen.mode.toString(8)}` : '';
  return addressText(listen) + mode;
}
