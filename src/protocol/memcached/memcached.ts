import type { ParserOptions } from '../parser-options.ts';
import type { Framer, Protocol, ReplyScanner, RequestParser, Session } from '../protocol.ts';
import { BRING_WORDS } from './bringing.ts';
import { commandsOf } from './command-names.ts';
import { CROSS_SERVER, failureReply, REQUEST_TOO_LARGE, TOO_MANY_CLIENTS } from './replies.ts';
import { MemcachedReplyScanner, REPLY_VERSION } from './reply-scanner.ts';
import { MemcachedFramer } from './request-framer.ts';
import { MemcachedRequestParser } from './request-parser.ts';
import { handshakeRequests, PROBE } from './server-requests.ts';
import { MemcachedSession } from './session.ts';

/** memcached's protocols as memcached 1.6.18 speaks them; docs/memcached.md has the differences. */
export const memcachedProtocol: Protocol = {
  name: 'memcached',
  createParser: (options: ParserOptions): RequestParser => new MemcachedRequestParser(options),
  createSession: (id: number): Session => new MemcachedSession(id),
  createFramer: (options: ParserOptions, session?: Session): Framer =>
    new MemcachedFramer(options.maxRequestBytes, session as MemcachedSession | undefined),
  createReplyScanner: (): ReplyScanner => new MemcachedReplyScanner(),
  failureReply,
  crossServerReply: CROSS_SERVER,
  cluster: null,
  tooLargeReply: REQUEST_TOO_LARGE,
  tooManyClientsReply: TOO_MANY_CLIENTS,
  variants: 1,
  plainReplyKind: REPLY_VERSION,
  handshake: handshakeRequests,
  probe: PROBE,
  transactions: null,
  waits: null,
  subscriptions: null,
  commandsOf,
  bringing: BRING_WORDS,
  clients: null,
};
