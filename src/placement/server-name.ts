/** memcached's port, which twemproxy leaves out of a server's name. */
const UNNAMED_PORT = 11211;

/** Where a server listens, as far as its name is concerned. `host` is the text of the file, not a resolved address. */
export type ServerAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * The name under which a server enters the ring and the statistics: its alias; else `host:port`, or `host` alone for
 * port 11211; `/path:` for a unix socket. The weight is no part of it.
 */
export function ringName(address: ServerAddress, alias: string | null): string {
  if (alias !== null) return alias;
  if ('path' in address) return `${address.path}:`;
  return address.port === UNNAMED_PORT ? address.host : `${address.host}:${address.port}`;
}
