import type { Protocol, Session } from '../protocol.ts';
import { CLIENT_WORDS } from './answers/clients-command.ts';
import { TOO_MANY_CLIENTS } from './authentication.ts';
import { BRING_WORDS } from './bring-words.ts';
import { CLUSTER_WORDS } from './cluster-words.ts';
import { commandsOf } from './commands/command-table.ts';
import { RedisFramer } from './framer.ts';
import { RedisReplyScanner } from './reply-scanner.ts';
import { CROSS_SERVER, failureReply, TOO_LARGE } from './request-errors.ts';
import { RedisRequestParser } from './request-parser.ts';
import { handshakeRequests, PROBE, WAIT_WORDS } from './server-requests.ts';
import { RedisSession } from './session.ts';
import { SUBSCRIPTION_WORDS } from './subscriptions/subscription-words.ts';
import { REDIS_VARIANTS } from './traits.ts';
import { TRANSACTION_WORDS } from './transactions/transactions.ts';

/** RESP2 and RESP3, as clients and servers of Redis speak them. */
export const redisProtocol: Protocol = {
  name: 'redis',
  createParser: (options, before) => new RedisRequestParser(options, before),
  createSession: (id, ends) => new RedisSession(id, ends),
  createFramer: (options, session?: Session) => new RedisFramer(options, session as RedisSession | undefined),
  createReplyScanner: () => new RedisReplyScanner(),
  failureReply,
  crossServerReply: CROSS_SERVER,
  cluster: CLUSTER_WORDS,
  tooLargeReply: TOO_LARGE,
  tooManyClientsReply: TOO_MANY_CLIENTS,
  variants: REDIS_VARIANTS,
  plainReplyKind: Number.MAX_SAFE_INTEGER,
  handshake: handshakeRequests,
  probe: PROBE,
  transactions: TRANSACTION_WORDS,
  waits: WAIT_WORDS,
  subscriptions: SUBSCRIPTION_WORDS,
  commandsOf,
  bringing: BRING_WORDS,
  clients: CLIENT_WORDS,
};
