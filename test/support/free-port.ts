import { once } from 'node:events';
import { createServer } from 'node:net';
import { claim, listens } from './claim.ts';

/**
 * Where ports are looked for: below those that Linux gives of itself to bind(0) and connect() (net.ipv4.ip_local_port_range, from
 * 32768 on), so that no server and no client takes one that is meant for a server that has yet to start, or to come back.
 */
export const LEAST_FREE_PORT = 23_000;
const MOST = 32_767;

/** A TCP port of 127.0.0.1 that nobody listens on, and that no other process is given as long as this one lives. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** `count` different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = LEAST_FREE_PORT + Math.floor(Math.random() * (MOST - LEAST_FREE_PORT + 1));
    if (await isTaken(port)) ports.push(port);
  }
  return ports;
}

/** Takes a port for this process; false: another has it, or something listens there. */
async function isTaken(port: number): Promise<boolean> {
  const claimed = await claim(`port-${port}`);
  if (claimed === null) return false;
  const probe = createServer();
  const isFree = await listens(probe, { port, host: '127.0.0.1' });
  const end = isFree ? probe : claimed;
  await once(end.close(), 'close');
  return isFree;
}
