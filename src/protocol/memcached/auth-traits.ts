import type { ServerCredentials } from '../traits.ts';

/**
 * memcached's authentication over text (`-Y`): the first request is a `set`, of any key, whose value is user and password. Source:
 * memcached's doc/protocol.txt.
 */
export function authLines({ user, password }: ServerCredentials): string {
  const value = `${user ?? ''} ${password}`;
  return `set ringmaster 0 0 ${Buffer.byteLength(value)}\r\n${value}\r\n`;
}
