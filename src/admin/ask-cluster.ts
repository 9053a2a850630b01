import type { ProtocolName } from '../protocol/protocol-traits.ts';
import { PROTOCOL_TRAITS } from '../protocol/protocol-traits.ts';
import type { ClusterAnswer, ServerCredentials } from '../protocol/traits.ts';
import type { ServerTls } from '../system/server-tls.ts';
import { exchange } from './exchange.ts';
import { told } from './told.ts';

export interface ClusterTarget {
  readonly protocol: ProtocolName;
  readonly host: string;
  readonly port: number;
  readonly credentials: ServerCredentials | null;
  readonly tls?: ServerTls | null;
}

/**
 * Asks a node who has which keys of its cluster. Resolves with its answer or, after `timeoutMs` or an abort at the latest, with
 * the reason in words why there is none; never rejects. A password is in no reason.
 */
export async function askCluster(
  target: ClusterTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ClusterAnswer | string> {
  const { cluster } = PROTOCOL_TRAITS[target.protocol];
  if (cluster === null) return 'its protocol has no clusters';
  const { credentials, tls = null } = target;
  for (const isModern of [true, false]) {
    const question = cluster.question(credentials, isModern);
    const bytes = await exchange(target, question, cluster.ends, timeoutMs, signal, tls);
    if (typeof bytes === 'string') return bytes;
    const answer = cluster.read(bytes, credentials !== null, isModern, tls !== null);
    if (answer !== null) return told(answer, credentials);
  }
  return 'it knows no way to ask it';
}
