// Two ends of a connection: a raw client's, and the accepted one, from which nothing was read.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { RawClient } from './raw-client.ts';

export interface SocketPair {
  readonly socket: Socket;
  readonly far: RawClient;
}

/**
 * Connects over TCP, or over a unix socket at `path`. Both ends are gone when the test is. `allowHalfOpen`: the far end
 * does not end by itself when ours does.
 */
export async function socketPair(
  t: TestContext,
  { path, allowHalfOpen = false }: { readonly path?: string; readonly allowHalfOpen?: boolean } = {},
): Promise<SocketPair> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
  if (path === undefined) server.listen(0, '127.0.0.1');
  else server.listen(path);
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const target = path === undefined ? { port: (server.address() as AddressInfo).port, host: '127.0.0.1' } : { path };
  const far = new RawClient(connect({ ...target, allowHalfOpen }));
  const [socket] = (await accepted) as [Socket];
  server.close();
  t.after(() => {
    socket.destroy();
    far.destroy();
  });
  return { socket, far };
}
