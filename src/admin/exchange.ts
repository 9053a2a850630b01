import { connect } from 'node:net';
import { ownProxyHeader, type ProxyVersion } from '../system/own-proxy-header.ts';
import { type ServerTls, startServerTls } from '../system/server-tls.ts';
import { connectionFault } from './connection-fault.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** A cluster of a thousand nodes that share the slots one by one takes 6 MB. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * Connects and writes `question`; resolves with all that came until it ended with one of `ends`, in latin1, or, after `timeoutMs` or an abort at the
 * latest, with the reason in words why that did not come; never rejects.
 */
export function exchange(
  address: HostPort | { readonly path: string },
  question: Buffer,
  ends: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
  tls: ServerTls | null = null,
  proxyVersion: ProxyVersion = 'off',
): Promise<Buffer | string> {
  return new Promise<Buffer | string>(resolve => {
    const at = 'path' in address ? { path: address.path } : { host: address.host, port: address.port };
    const plain = connect(at);
    const header = ownProxyHeader(proxyVersion);
    if (header !== null) plain.write(header);
    const socket = tls === null ? plain : startServerTls(plain, at, tls);
    const tailLength = Math.max(...ends.map(end => end.length));
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
    socket.once(tls === null ? 'connect' : 'secureConnect', () => socket.write(question));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - tailLength))).slice(-tailLength);
      if (length > MAX_ANSWER_BYTES) settle(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
      else if (ends.some(end => tail.endsWith(end))) settle(Buffer.concat(chunks));
    });
    socket.once('end', () =>
      settle(length === 0 ? 'it closed the connection' : 'it closed the connection in its answer'),
    );
    const failed = (error: NodeJS.ErrnoException) => settle(connectionFault(error, tls !== null));
    socket.on('error', failed);
    if (tls !== null) plain.on('error', failed);
  });
}
