import { connect } from 'node:net';
import { PROTOCOL_TRAITS, type ProtocolName } from '../protocol/protocol-traits.ts';
import { withoutPassword } from '../protocol/said-traits.ts';
import type { Question, ServerCredentials } from '../protocol/traits.ts';
import { FAILURE_TEXT } from '../request/failure.ts';
import { UNANSWERED_HANDSHAKE } from '../system/handshake-complaint.ts';
import { ownProxyHeader, type ProxyVersion } from '../system/own-proxy-header.ts';
import { type ServerTls, startServerTls } from '../system/server-tls.ts';
import { connectionFault } from './connection-fault.ts';

type ProbeAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  /** Nobody has said where it is: it can't be asked. */
  | { readonly master: string };

/** A server to be asked whether it is there. */
export interface ProbeTarget {
  readonly protocol: ProtocolName;
  readonly address: ProbeAddress;
  /** As in `ProtocolTraits.questions`. */
  readonly credentials?: ServerCredentials | null;
  /** Null or not given: it is not spoken. */
  readonly tls?: ServerTls | null;
  /** See `ownProxyHeader`. */
  readonly proxyVersion?: ProxyVersion;
}

/** The reason when it was not even tried: nothing is known of the server then. */
export const CANNOT_ASK = 'this process has no file descriptor or local port left to ask with';
const OUR_OWN_LACKS: ReadonlySet<string | undefined> = new Set([
  'EMFILE',
  'ENFILE',
  'EADDRNOTAVAIL',
  'ENOBUFS',
  'ENOMEM',
]);

/** A first line longer than this is none of these protocols. */
const MAX_LINE_BYTES = 512;

/**
 * Connects to a server and asks it something cheap. Resolves with null when it answers in its protocol, else with the
 * reason in words, after `timeoutMs` or an abort at the latest; never rejects. A password is in no reason.
 */
export function probe(target: ProbeTarget, timeoutMs: number, signal?: AbortSignal): Promise<string | null> {
  const questions = [...PROTOCOL_TRAITS[target.protocol].questions(target.credentials)];
  const { address, tls = null } = target;
  if ('master' in address) return Promise.resolve('no Sentinel has said who is this master');
  return new Promise(resolve => {
    const plain = connect({ ...address });
    const header = ownProxyHeader(target.proxyVersion ?? 'off');
    if (header !== null) plain.write(header);
    const socket = tls === null ? plain : startServerTls(plain, address, tls);
    let line = '';
    let isConnected = false;
    const settle = (why: string | null) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      socket.destroy();
      resolve(why);
    };
    const failed = (error: NodeJS.ErrnoException) => {
      if (OUR_OWN_LACKS.has(error.code)) settle(CANNOT_ASK);
      else settle(connectionFault(error, tls !== null));
    };
    const aborted = () => settle('not asked any longer');
    const name = () => questions[0]?.name;
    const quoted = (words: string) => JSON.stringify(withoutPassword(words, target.credentials ?? null));
    const overdue = () => {
      const isInHandshake = tls !== null && !plain.connecting && !plain.destroyed;
      if (isConnected) settle(`no answer to ${name()} within ${timeoutMs} ms`);
      else if (isInHandshake) settle(`${FAILURE_TEXT.server_tls}: ${UNANSWERED_HANDSHAKE}`);
      else settle(`no connection within ${timeoutMs} ms`);
    };
    // An answer that has come while this process was busy is not late: sockets are read before setImmediate's turn.
    const timer = setTimeout(() => setImmediate(overdue), timeoutMs);
    signal?.addEventListener('abort', aborted);
    const ask = () => {
      if (questions.length === 0) settle(null);
      else socket.write((questions[0] as Question).bytes, 'latin1');
    };
    socket.setEncoding('latin1');
    if (tls !== null) plain.on('error', failed);
    socket.once(tls === null ? 'connect' : 'secureConnect', () => {
      isConnected = true;
      ask();
    });
    socket.on('data', text => {
      line += text;
      const end = line.indexOf('\n');
      if (end < 0 && line.length < MAX_LINE_BYTES) return;
      line = line.slice(0, Math.min(end < 0 ? MAX_LINE_BYTES : end, MAX_LINE_BYTES)).trimEnd();
      const { name, answer, refusal } = questions.shift() as Question;
      if (!answer.test(line)) {
        settle(`not a ${target.protocol} server: ${name} was answered with ${quoted(line)}`);
      } else if (refusal.test(line)) {
        settle(`it answers ${quoted(line)}`);
      } else {
        line = '';
        ask();
      }
    });
    socket.once('end', () => settle(`closed the connection without an answer to ${name()}`));
    socket.on('error', failed);
  });
}
