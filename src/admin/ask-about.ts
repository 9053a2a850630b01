import type { ProtocolName } from '../protocol/protocol-traits.ts';
import { PROTOCOL_TRAITS } from '../protocol/protocol-traits.ts';
import type { AboutServer, ServerCredentials } from '../protocol/traits.ts';
import type { ProxyVersion } from '../system/own-proxy-header.ts';
import type { ServerTls } from '../system/server-tls.ts';
import { exchange } from './exchange.ts';
import { told } from './told.ts';

/**
 * Asks a server what it is. Resolves with that or, after `timeoutMs` at the latest, with the reason in words why it did not say; null:
 * its protocol has no way to ask. Never rejects.
 */
export async function askAbout(
  protocol: ProtocolName,
  at: { readonly host: string; readonly port: number } | { readonly path: string },
  credentials: ServerCredentials | null,
  tls: ServerTls | null,
  proxyVersion: ProxyVersion,
  timeoutMs: number,
): Promise<AboutServer | string | null> {
  const { about } = PROTOCOL_TRAITS[protocol];
  if (about === null) return null;
  const bytes = await exchange(
    at,
    about.question(credentials),
    about.ends,
    timeoutMs,
    new AbortController().signal,
    tls,
    proxyVersion,
  );
  return typeof bytes === 'string' ? bytes : told(about.read(bytes, credentials !== null), credentials);
}
