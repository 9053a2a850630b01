import type { PeerCertificate, TLSSocket } from 'node:tls';

/** What OpenSSL calls a peer that speaks something else than TLS. */
const PLAIN_PEER: ReadonlySet<string | undefined> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_RECORD_LAYER_FAILURE',
]);

/** What was wrong with a client whose handshake failed, for the log. Null: it went away, as port scanners and balancers do that look whether we are there. */
export function handshakeComplaint(
  error: NodeJS.ErrnoException & { readonly reason?: string },
  { authorizationError }: TLSSocket,
): string | null {
  if (authorizationError) return notAccepted(authorizationError);
  if (PLAIN_PEER.has(error.code)) return 'it does not speak TLS, and TLS is spoken here';
  if (error.code === 'ECONNRESET') return null;
  // OpenSSL's own words have numbers of threads and lines of its source around them.
  return error.reason ?? error.message;
}

/** What an operator reads of a server that does not finish the handshake, or says nothing at all to it. */
export const UNANSWERED_HANDSHAKE = 'no answer to the handshake: it may not speak TLS at this address';

/** What was wrong with a server whose handshake failed. */
export function serverComplaint(error: NodeJS.ErrnoException & { readonly reason?: string }): string {
  if (PLAIN_PEER.has(error.code)) return 'it does not speak TLS at this address';
  // Node advises to run it with another flag, and here the certificate is a matter of the file.
  return error.reason ?? error.message.replace(/; if the root CA is installed locally.*$/, '');
}

/** Null: the client has shown none. */
export function shownCertificate(socket: TLSSocket): PeerCertificate | null {
  const certificate = socket.getPeerCertificate();
  return Object.keys(certificate).length > 0 ? certificate : null;
}

/**
 * What is wrong with a certificate that is shown, also where none is required: who shows it wants to be known by it. Of a session
 * that is resumed it was looked at when that began, and may have run out since. Null: nothing.
 */
export function certificateComplaint(socket: TLSSocket, { valid_to: validTo }: PeerCertificate): string | null {
  if (!socket.authorized) return notAccepted(socket.authorizationError);
  return Date.parse(validTo) >= Date.now() ? null : notAccepted('CERT_HAS_EXPIRED');
}

function notAccepted(why: unknown): string {
  return `its certificate is not accepted: ${why}`;
}
