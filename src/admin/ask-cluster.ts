import { connect } from 'node:net';
import type { ProtocolName } from '../protocol/protocol-traits.ts';
import { PROTOCOL_TRAITS } from '../protocol/protocol-traits.ts';
import type { ClusterAnswer } from '../protocol/traits.ts';
import { FAILURE_TEXT, failureFromErrno } from '../request/failure.ts';

export interface ClusterTarget {
  readonly protocol: ProtocolName;
  readonly host: string;
  readonly port: number;
  readonly password: string | null;
}

/** A thousand nodes that share the slots one by one take 6 MB. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

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
    const bytes = await exchange(target, cluster.question(target.password, isModern), cluster.end, timeoutMs, signal);
    if (typeof bytes === 'string') return bytes;
    const answer = cluster.read(bytes, target.password !== null, isModern);
    if (answer !== null) return answer;
  }
  return 'it knows no way to ask it';
}

/** Writes `question`; all that came until it ended with `end`, or why that did not come. */
function exchange(
  { host, port }: ClusterTarget,
  question: Buffer,
  end: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Buffer | string> {
  return new Promise<Buffer | string>(resolve => {
    const socket = connect({ host, port });
    const chunks: Buffer[] = [];
    let length = 0;
    let tail = '';
    const settle = (outcome: Buffer | string): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      socket.destroy();
      resolve(outcome);
    };
    const overdue = () => settle(`no answer within ${timeoutMs} ms`);
    const aborted = () => settle('not asked any longer');
    // An answer that has come while this process was busy is not late: sockets are read before setImmediate's turn.
    const timer = setTimeout(() => setImmediate(overdue), timeoutMs);
    signal.addEventListener('abort', aborted);
    socket.once('connect', () => socket.write(question));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - end.length))).slice(-end.length);
      if (length > MAX_ANSWER_BYTES) settle(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
      else if (tail === end) settle(Buffer.concat(chunks));
    });
    socket.once('end', () =>
      settle(length === 0 ? 'it closed the connection' : 'it closed the connection in its answer'),
    );
    socket.on('error', (error: NodeJS.ErrnoException) => {
      settle(`${FAILURE_TEXT[failureFromErrno(error.code)]} (${error.code ?? error.message})`);
    });
  });
}
