import { connect } from 'node:net';
import { FAILURE_TEXT, failureFromErrno } from '../request/failure.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** A cluster of a thousand nodes that share the slots one by one takes 6 MB. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * Connects and writes `question`; resolves with all that came until it ended with `end`, or, after `timeoutMs` or an abort at the
 * latest, with the reason in words why that did not come; never rejects.
 */
export function exchange(
  { host, port }: HostPort,
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
