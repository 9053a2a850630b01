import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** Why a request is not let in: the status and the sentence that say so. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly message: string;
}

const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/;

/** Whether only this machine reaches the address. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.test(address);
}

/**
 * Whether a request may change something. It needs the token where there is one; without one it is let in only where
 * nobody but this machine can connect. A page in a browser on this machine can: it gives itself away by `Origin`, or by
 * a `Host` that is a name made to point here. Our own page may with the token, which no other page has.
 */
export function mayChange(headers: IncomingHttpHeaders, isLocal: boolean, token: string | null): Refusal | null {
  if (headers.origin !== undefined && (token === null || !isOwnOrigin(headers))) {
    return refused(
      403,
      'requests of web pages (with an Origin header) are refused, but for those of our own with admin_token',
    );
  }
  if (token !== null) {
    return hasToken(headers.authorization, token)
      ? null
      : refused(401, 'this needs the header "Authorization: Bearer TOKEN", with admin_token of the configuration');
  }
  if (!isLocal) {
    return refused(403, 'admin does not listen on loopback: set admin_token in the configuration to allow this');
  }
  return mayRead(headers, isLocal);
}

/** Whether a request may see what a web page should not: on loopback, the host must not be a name. */
export function mayRead({ host }: IncomingHttpHeaders, isLocal: boolean): Refusal | null {
  if (!isLocal || isOwnHost(host ?? '')) return null;
  return refused(403, 'the Host header must be an IP address or localhost');
}

function isOwnOrigin({ origin, host }: IncomingHttpHeaders): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

function hasToken(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
  // Digests, so that neither the time nor the length says how much of it is right.
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** `127.0.0.1:22223`, `[::1]:22223`, `localhost` */
function isOwnHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  if (name.toLowerCase() === 'localhost') return true;
  return name.startsWith('[') && name.endsWith(']') ? isIP(name.slice(1, -1)) === 6 : isIP(name) === 4;
}

function refused(status: Refusal['status'], message: string): Refusal {
  return { status, message };
}
