import { PROTOCOL_TRAITS } from '../protocol/protocol-traits.ts';
import type { ReplicationState } from '../protocol/traits.ts';
import { exchange } from './exchange.ts';
import type { ProbeTarget } from './probe.ts';
import { told } from './told.ts';

/**
 * Asks a server whom it follows and how far. Resolves with what it says or, after `timeoutMs` or an abort at the latest, with the
 * reason in words why that is nothing; never rejects. A password is in no reason.
 */
export async function askReplication(
  { protocol, address, credentials = null, tls = null, proxyVersion = 'off' }: ProbeTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ReplicationState | string> {
  const { replication } = PROTOCOL_TRAITS[protocol];
  if (replication === null) return 'its protocol has no replicas';
  if ('master' in address) return 'nobody has said where it is';
  const bytes = await exchange(
    address,
    replication.question(credentials),
    replication.end,
    timeoutMs,
    signal,
    tls,
    proxyVersion,
  );
  return typeof bytes === 'string' ? bytes : told(replication.read(bytes, credentials), credentials);
}
