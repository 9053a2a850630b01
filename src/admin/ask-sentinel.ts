import { PROTOCOL_TRAITS, type ProtocolName } from '../protocol/protocol-traits.ts';
import type { SentinelTraits, ServerCredentials, ToldMaster } from '../protocol/traits.ts';
import type { ServerTls } from '../system/server-tls.ts';
import { exchange, type HostPort } from './exchange.ts';
import { told } from './told.ts';

/** A Sentinel, or a server that one has named. */
export interface SentinelTarget {
  readonly protocol: ProtocolName;
  readonly at: HostPort;
  readonly credentials: ServerCredentials | null;
  readonly tls: ServerTls | null;
}

/**
 * Asks a Sentinel who these masters are, by a protocol that has Sentinels. Resolves with what it says of each, in the order given,
 * null of one that it does not know, or, after `timeoutMs` or an abort at the latest, with the reason in words why there is no
 * answer; never rejects. A password is in no reason.
 */
export async function askSentinel(
  { protocol, at, credentials, tls }: SentinelTarget,
  masters: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly (ToldMaster | null)[] | string> {
  const { end, question, read } = sentinelTraits(protocol);
  const bytes = await exchange(at, question(credentials, masters), end, timeoutMs, signal, tls);
  return typeof bytes === 'string' ? bytes : told(read(bytes, credentials, masters), credentials);
}

/** Asks a server whether it is a master: null when it is, else why not, in words; as `askSentinel`. */
export async function askRole(
  { protocol, at, credentials, tls }: SentinelTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  const { end, roleQuestion, readRole } = sentinelTraits(protocol);
  const bytes = await exchange(at, roleQuestion(credentials), end, timeoutMs, signal, tls);
  return typeof bytes === 'string' ? bytes : told(readRole(bytes, credentials), credentials);
}

/** @throws Error of a protocol that has none: no configuration lets it come to that */
export function sentinelTraits(protocol: ProtocolName): SentinelTraits {
  const { sentinel } = PROTOCOL_TRAITS[protocol];
  if (sentinel === null) throw new Error(`${protocol} has no Sentinels`);
  return sentinel;
}
