import type { ProtocolName } from '../protocol/protocol-traits.ts';
import { PROTOCOL_TRAITS } from '../protocol/protocol-traits.ts';
import type { ClusterAnswer } from '../protocol/traits.ts';
import { exchange } from './exchange.ts';

export interface ClusterTarget {
  readonly protocol: ProtocolName;
  readonly host: string;
  readonly port: number;
  readonly password: string | null;
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
  for (const isModern of [true, false]) {
    const bytes = await exchange(target, cluster.question(target.password, isModern), [cluster.end], timeoutMs, signal);
    if (typeof bytes === 'string') return bytes;
    const answer = cluster.read(bytes, target.password !== null, isModern);
    if (answer !== null) return answer;
  }
  return 'it knows no way to ask it';
}
