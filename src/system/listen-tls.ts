import { constants, createHash, X509Certificate } from 'node:crypto';
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
} from 'node:tls';
import { DEFAULT_CIPHERS } from './tls-ciphers.ts';

/** A certificate with the chain that leads to it, and its private key; both in PEM. */
export interface CertifiedKey {
  readonly cert: string;
  readonly key: string;
  /** Where the certificate was read. */
  readonly file: string;
}

/** How a pool speaks TLS to its clients, with everything read that files say. */
export interface ListenTls {
  /** At least one. The first is shown to clients that ask for no name, or for one that none of them has. */
  readonly certificates: readonly CertifiedKey[];
  /** Who signs the certificates of clients, in PEM; null: those that Node trusts. */
  readonly ca: string | null;
  /** Which of these were revoked, in PEM; null: nobody says. */
  readonly crl: string | null;
  readonly clientCert: 'none' | 'optional' | 'required';
  readonly minVersion: '1.2' | '1.3';
  /** In OpenSSL's words; null: `DEFAULT_CIPHERS`. */
  readonly ciphers: string | null;
  readonly handshakeTimeoutMs: number;
  /**
   * 48 bytes in base64, by which OpenSSL names, signs and encrypts session tickets. The same in all workers: a session that
   * began in one is resumed in any other.
   */
  readonly ticketKeys: string;
}

/**
 * A server for sockets that others accept (`emit('connection', socket)`); it does not listen. Throws an Error for
 * what OpenSSL can't use.
 */
export function createTlsServer(tls: ListenTls): Server {
  const contexts = tls.certificates.map(pair => ({
    certificate: new X509Certificate(pair.cert),
    context: createSecureContext(contextOptions(tls, pair)),
  }));
  const contextOf = (name: string): SecureContext | undefined =>
    contexts.find(({ certificate }) => certificate.checkHost(name) !== undefined)?.context;
  return createServer({
    ...contextOptions(tls, tls.certificates[0] as CertifiedKey),
    ticketKeys: Buffer.from(tls.ticketKeys, 'base64'),
    // A session is resumed only where the same certificates are asked of clients. Node's own would be that of the program.
    sessionIdContext: createHash('sha256').update(tls.ticketKeys).digest('hex').slice(0, 32),
    handshakeTimeout: tls.handshakeTimeoutMs,
    requestCert: tls.clientCert !== 'none',
    rejectUnauthorized: tls.clientCert === 'required',
    SNICallback: (name, answer) => answer(null, contextOf(name)),
  });
}

/** OpenSSL reads but the first of a text. */
const REVOCATIONS = /-----BEGIN X509 CRL-----[\s\S]*?-----END X509 CRL-----/g;

function contextOptions(tls: ListenTls, { cert, key }: CertifiedKey): SecureContextOptions {
  return {
    ...{ cert, key, minVersion: `TLSv${tls.minVersion}` as const },
    ...(tls.ca !== null && { ca: tls.ca }),
    ...(tls.crl !== null && { crl: tls.crl.match(REVOCATIONS) ?? tls.crl }),
    ciphers: tls.ciphers ?? DEFAULT_CIPHERS,
    honorCipherOrder: true,
    // A client could have us do the dear part again and again.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
}
