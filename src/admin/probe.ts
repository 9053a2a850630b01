import { connect } from 'node:net';
import { FAILURE_TEXT, failureFromErrno } from '../core/failure.ts';

/** A server to be asked whether it is there. */
export interface ProbeTarget {
  readonly protocol: 'redis' | 'memcached';
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
}

interface Question {
  readonly bytes: string;
  readonly name: string;
  /** How an answer in the protocol begins. */
  readonly answer: RegExp;
  /** Answers in the protocol that nevertheless mean that the server serves nobody now. */
  readonly refusal: RegExp;
}

// What is not known to be a refusal counts as an answer: -NOAUTH of a server with a password, above all.
const QUESTIONS: Readonly<Record<ProbeTarget['protocol'], Question>> = {
  redis: {
    // An array and no inline command: proxies, which may stand behind us, know nothing else.
    bytes: '*1\r\n$4\r\nPING\r\n',
    name: 'PING',
    answer: /^[+-]/,
    refusal: /^-(LOADING|MASTERDOWN|DENIED|ERR max number of clients)/,
  },
  memcached: {
    bytes: 'version\r\n',
    name: 'version',
    answer: /^(VERSION |ERROR|CLIENT_ERROR|SERVER_ERROR)/,
    refusal: /^ERROR Too many open connections/,
  },
};

/** A first line longer than this is none of these protocols. */
const MAX_LINE_BYTES = 512;

/**
 * Connects to a server and asks it something cheap. Resolves with null when it answers in its protocol, else with the
 * reason in words, after `timeoutMs` at the latest; never rejects.
 */
export function probe(target: ProbeTarget, timeoutMs: number): Promise<string | null> {
  const { bytes, name, answer, refusal } = QUESTIONS[target.protocol];
  return new Promise(resolve => {
    const socket = connect({ ...target.address });
    let line = '';
    let isConnected = false;
    const settle = (why: string | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(why);
    };
    const timer = setTimeout(
      () =>
        settle(isConnected ? `no answer to ${name} within ${timeoutMs} ms` : `no connection within ${timeoutMs} ms`),
      timeoutMs,
    );
    socket.setEncoding('latin1');
    socket.once('connect', () => {
      isConnected = true;
      socket.write(bytes);
    });
    socket.on('data', text => {
      line += text;
      const end = line.indexOf('\n');
      if (end < 0 && line.length < MAX_LINE_BYTES) return;
      line = line.slice(0, Math.min(end < 0 ? MAX_LINE_BYTES : end, MAX_LINE_BYTES)).trimEnd();
      if (!answer.test(line))
        settle(`not a ${target.protocol} server: ${name} was answered with ${JSON.stringify(line)}`);
      else settle(refusal.test(line) ? `it answers ${JSON.stringify(line)}` : null);
    });
    socket.once('end', () => settle(`closed the connection without an answer to ${name}`));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      settle(`${FAILURE_TEXT[failureFromErrno(error.code)]} (${error.code ?? error.message})`);
    });
  });
}
