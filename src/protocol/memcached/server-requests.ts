// What Ringmaster itself asks of a memcached server: when a connection opens, to let us in where there is a password, and
// who it is where clients want meta commands; and the same again to see that it is well.
import type { ControlRequest, HandshakeOptions } from '../control-request.ts';
import { withoutPassword } from '../said-traits.ts';
import type { ServerCredentials } from '../traits.ts';
import { authLines } from './auth-traits.ts';
import { REPLY_STORED, REPLY_VERSION } from './reply-scanner.ts';

const QUOTED_BYTES = 80;
const VERSION_REPLY = /^VERSION .*\r\n$/s;

function said(reply: Buffer): string {
  return JSON.stringify(reply.toString('latin1', 0, QUOTED_BYTES).trimEnd());
}

/** The scanner takes from the reply which requests the server understands. */
const VERSION: ControlRequest = {
  bytes: Buffer.from('version\r\n', 'latin1'),
  replyKind: REPLY_VERSION,
  check(reply) {
    const text = reply.toString('latin1');
    // Other proxies may not know the command, and serve gets and sets all the same.
    return VERSION_REPLY.test(text) || text === 'ERROR\r\n' ? null : `answered ${said(reply)} to version`;
  },
  failure: reply => (reply.toString('latin1').startsWith('CLIENT_ERROR unauth') ? 'server_auth' : 'server_garbage'),
};

export const PROBE: ControlRequest = {
  bytes: VERSION.bytes,
  replyKind: REPLY_VERSION,
  check: reply => (VERSION_REPLY.test(reply.toString('latin1')) ? null : `answered ${said(reply)} to version`),
  failure: VERSION.failure,
};

function authentication(credentials: ServerCredentials): ControlRequest {
  const complaint = (reply: Buffer) => `answered ${withoutPassword(said(reply), credentials)} to the password`;
  return {
    bytes: Buffer.from(authLines(credentials)),
    replyKind: REPLY_STORED,
    check: reply => (reply.toString('latin1') === 'STORED\r\n' ? null : complaint(reply)),
    failure: () => 'server_auth',
  };
}

/** Without a password and meta commands nothing: what speaks text only is served as any proxy would. */
export function handshakeRequests({ credentials, isDemanding }: HandshakeOptions): readonly ControlRequest[] {
  const requests: ControlRequest[] = [];
  if (credentials !== null) requests.push(authentication(credentials));
  if (isDemanding) requests.push(VERSION);
  return requests;
}
