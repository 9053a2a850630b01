import type { AddressInfo, Server } from 'node:net';

export interface HostPort {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
}

const REFUSALS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'no permission for this port',
  EADDRNOTAVAIL: 'the address is not one of this machine',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve',
};

/**
 * Has `server` listen; resolves with the actual port. Rejects with an Error whose message is one sentence that says
 * what cannot listen where, and why.
 */
export function listenOn(server: Server, { host, port }: HostPort, what: string): Promise<HostPort> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      const why = REFUSALS[error.code ?? ''] ?? error.message;
      reject(new Error(`${what} cannot listen on ${host.includes(':') ? `[${host}]` : host}:${port}: ${why}`));
    };
    server.once('error', refuse);
    server.listen({ host, port }, () => {
      server.off('error', refuse);
      const { address, port: actual } = server.address() as AddressInfo;
      resolve({ host: address, port: actual });
    });
  });
}

/** Stops listening; resolves when the last connection is gone. */
export function closeServer(server: Server): Promise<void> {
  // The callback's error says that it does not listen, which is what is wanted.
  return new Promise(resolve => server.close(() => resolve()));
}
