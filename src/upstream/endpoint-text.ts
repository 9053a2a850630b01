import type { BackendOptions } from './backend-options.ts';

/** Where a node of a cluster sends somebody, as `host:port`. No host: that of the node, which has this address. */
export function endpointText(host: string, port: number, address: BackendOptions['address']): string {
  const name = host === '' && 'host' in address ? address.host : host;
  return name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`;
}
