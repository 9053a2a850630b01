import { isIP, type Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { DEFAULT_CIPHERS } from './tls-ciphers.ts';

/** How the servers of a pool are spoken to in TLS, with everything read that files say. */
export interface ServerTls {
  /** Who signs the servers' certificates, in PEM; null: those that Node trusts. */
  readonly ca: string | null;
  /** Ours, with its chain, and its key, in PEM; null: none is shown. */
  readonly cert: string | null;
  readonly key: string | null;
  /** The name that certificates must have and that servers are asked for; null: the host of their address. */
  readonly serverName: string | null;
  /** In OpenSSL's words; null: `DEFAULT_CIPHERS`. */
  readonly ciphers: string | null;
  /** Else any certificate will do, which protects from nobody who can come between. */
  readonly verify: boolean;
}

/** Making one reads all certificates of `ca`: milliseconds where it is the default. */
const contexts = new WeakMap<ServerTls, SecureContext>();

/** Throws an Error for what OpenSSL can't use. */
export function serverTlsContext(tls: ServerTls): SecureContext {
  let context = contexts.get(tls);
  if (context === undefined) {
    const { ca, cert, key, ciphers } = tls;
    context = createSecureContext({
      ...(ca !== null && { ca }),
      ...(cert !== null && key !== null && { cert, key }),
      ciphers: ciphers ?? DEFAULT_CIPHERS,
    });
    contexts.set(tls, context);
  }
  return context;
}

/** Begins TLS on a socket that connects to a server, or has; `secureConnect` comes when the server is who it should be. */
export function startServerTls(
  socket: Socket,
  address: { readonly host: string; readonly port: number } | { readonly path: string },
  tls: ServerTls,
): TLSSocket {
  const host = tls.serverName ?? ('host' in address ? address.host : 'localhost');
  return connect({
    socket,
    // What the certificate has to be for; an address is no name that could be asked for.
    host,
    servername: isIP(host) === 0 ? host : '',
    secureContext: serverTlsContext(tls),
    rejectUnauthorized: tls.verify,
  });
}
