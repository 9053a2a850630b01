import type { HostPort } from './config.ts';

/** An address as a person writes it: `host:port`, `[v6]:port` or `/path`. */
export function addressText(address: HostPort | { readonly path: string }): string {
  if ('path' in address) return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
