import type { PlacedServer } from './key-owners.ts';
import type { ServerWatch } from './protocol-mover.ts';

/** A watch over connections of a protocol's kind, one to each server. Rejects when one can't be had; then none is left open. */
export async function openAll<Connection extends { close(): void }>(
  servers: readonly PlacedServer[],
  open: (server: PlacedServer) => Promise<Connection>,
  untilQuiet: (connection: Connection) => Promise<void>,
): Promise<ServerWatch> {
  const opened = await Promise.allSettled(servers.map(open));
  const connections = opened.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []));
  const close = () => {
    for (const connection of connections) connection.close();
  };
  for (const each of opened) {
    if (each.status === 'fulfilled') continue;
    close();
    throw each.reason;
  }
  return {
    untilQuiet: async () => void (await Promise.all(connections.map(untilQuiet))),
    close,
  };
}
