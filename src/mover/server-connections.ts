import type { PlacedServer } from './key-owners.ts';
import type { ServerWatch } from './protocol-mover.ts';

/**
 * In one turn of its loop a server reads some 16 KB of each connection that has something, and answers one question of who waits for
 * each answer; kernels keep no more of a connection than some 6 MB at the server and 4 MB where it was sent.
 */
const TURNS = Math.ceil((12 * 2 ** 20) / (16 * 2 ** 10));
/** Over a long way that many answers take too long; its turns go on meanwhile. */
const TURNS_MAX_MS = 1000;
/** However long they take: a machine that is busy gives nobody a turn. */
const TURNS_LEAST = 100;

/** A watch over connections of a protocol's kind, one to each server. Rejects when one can't be had; then none is left open. */
export async function openAll<Connection extends { close(): void }>(
  servers: readonly PlacedServer[],
  open: (server: PlacedServer) => Promise<Connection>,
  untilQuiet: (connection: Connection) => Promise<void>,
  ask: (connection: Connection) => Promise<unknown>,
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
    untilRead: async () => void (await Promise.all(connections.map(connection => turns(connection, ask)))),
    close,
  };
}

async function turns<Connection>(
  connection: Connection,
  ask: (connection: Connection) => Promise<unknown>,
): Promise<void> {
  // What it was stopped for does not count.
  await ask(connection);
  const startedAtMs = performance.now();
  const isOverdue = () => performance.now() - startedAtMs >= TURNS_MAX_MS;
  for (let turn = 0; turn < TURNS && (turn < TURNS_LEAST || !isOverdue()); turn++) await ask(connection);
}
