import { once } from 'node:events';
import { createServer, type ListenOptions, type Server } from 'node:net';

/**
 * Where ports are looked for: below those that Linux gives of itself to bind(0) and connect() (net.ipv4.ip_local_port_range, from
 * 32768 on), so that no server and no client takes one that is meant for a server that has yet to start, or to come back.
 */
const LEAST = 23_000;
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
    const port = LEAST + Math.floor(Math.random() * (MOST - LEAST + 1));
    if (await isTaken(port)) ports.push(port);
  }
  return ports;
}

/** Takes a port for this process; false: another has it, or something listens there. */
async function isTaken(port: number): Promise<boolean> {
  // A name of the kernel's (an abstract unix socket): it is gone when the process is, however that ends.
  const claim = createServer().unref();
  if (!(await listens(claim, { path: `\0ringmaster-test-port-${port}` }))) return false;
  const probe = createServer();
  const isFree = await listens(probe, { port, host: '127.0.0.1' });
  const end = isFree ? probe : claim;
  await once(end.close(), 'close');
  return isFree;
}

async function listens(server: Server, options: ListenOptions): Promise<boolean> {
  try {
    await once(server.listen(options), 'listening');
    return true;
  } catch {
    return false;
  }
}
