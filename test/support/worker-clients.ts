// Which worker serves a Redis client: the number that CLIENT ID gives says it.
import type { RawClient } from './raw-client.ts';

const CLIENTS_PER_PROCESS = 2 ** 24;

/** Of the worker that serves it; a number that no other worker has. */
export async function workerOf(client: RawClient): Promise<number> {
  return Math.floor(Number(await client.command('CLIENT', 'ID')) / CLIENTS_PER_PROCESS);
}

/** Connects until there is a client in each of so many workers; those. */
export async function clientInEach(workers: number, connect: () => Promise<RawClient>): Promise<RawClient[]> {
  const byWorker = new Map<number, RawClient>();
  while (byWorker.size < workers) {
    const connected = await connect();
    byWorker.set(await workerOf(connected), connected);
  }
  return [...byWorker.values()];
}
