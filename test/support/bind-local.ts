import { bindPool } from '../../src/master/listen-sockets.ts';
import type { BoundHandle } from '../../src/system/server-handle.ts';

/** A socket bound to a port of 127.0.0.1 that the system chose; it does not listen yet. */
export async function bindLocal(): Promise<{ handle: BoundHandle; port: number }> {
  const place = { ip: '127.0.0.1', family: 4, port: 0 };
  const { handles, address } = await bindPool({ name: 'test', listen: { host: place.ip, port: 0 } }, place, 1, false);
  return { handle: handles[0]!, port: (address as { port: number }).port };
}
