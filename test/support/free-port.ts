import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/**
 * A TCP port of 127.0.0.1 that nobody listens on, chosen by the system.
 * It is only free at the time of asking. Linux gives bind(0) odd ports and connect() even ones as long as it can,
 * so a storm of client connections does not take it before the server that it is meant for.
 */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** Ports given out in this process: the system may choose one again that its test has not used yet. */
const given = new Set<number>();

/** `count` different free ports, none of which was given out before. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const servers = Array.from({ length: count - ports.length }, () => createServer().listen(0, '127.0.0.1'));
    await Promise.all(servers.map(server => server.listening || once(server, 'listening')));
    for (const server of servers) {
      const { port } = server.address() as AddressInfo;
      if (given.has(port)) continue;
      given.add(port);
      ports.push(port);
    }
    await Promise.all(servers.map(server => once(server.close(), 'close')));
  }
  return ports;
}
