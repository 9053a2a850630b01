import type {
  ControlRequest,
  Framer,
  ParserOptions,
  Protocol,
  ReplyScanner,
  RequestParser,
  Session,
} from '../protocol.ts';
import { CROSS_SERVER, failureReply, REQUEST_TOO_LARGE } from './replies.ts';
import { MemcachedReplyScanner, REPLY_LINE } from './reply-scanner.ts';
import { MemcachedFramer } from './request-framer.ts';
import { MemcachedRequestParser } from './request-parser.ts';
import { MemcachedSession } from './session.ts';

const VERSION_REPLY = /^VERSION .*\r\n$/;
const QUOTED_BYTES = 80;

const probe: ControlRequest = {
  bytes: Buffer.from('version\r\n', 'latin1'),
  replyKind: REPLY_LINE,
  check(reply) {
    const text = reply.toString('latin1', 0, QUOTED_BYTES);
    return VERSION_REPLY.test(text) ? null : `answered ${JSON.stringify(text.trimEnd())} to version`;
  },
  failure: () => 'server_garbage',
};

/** memcached's text protocol as memcached 1.6.18 speaks it; docs/memcached.md has the differences. */
export const memcachedProtocol: Protocol = {
  name: 'memcached',
  createParser: (options: ParserOptions): RequestParser => new MemcachedRequestParser(options),
  createSession: (id: number): Session => new MemcachedSession(id),
  createFramer: (options: ParserOptions, session?: Session): Framer =>
    new MemcachedFramer(options.maxRequestBytes, session as MemcachedSession | undefined),
  createReplyScanner: (): ReplyScanner => new MemcachedReplyScanner(),
  failureReply,
  crossServerReply: CROSS_SERVER,
  tooLargeReply: REQUEST_TOO_LARGE,
  tooManyClientsReply: Buffer.from('ERROR Too many open connections\r\n'),
  variants: 1,
  handshake: () => [],
  probe,
};
