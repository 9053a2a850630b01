// What Ringmaster itself asks of a Redis server: AUTH, HELLO and SELECT when a connection opens, PING to see that it is well.
import type { FailureReason } from '../../request/failure.ts';
import type { ControlRequest, HandshakeOptions } from '../control-request.ts';
import type { WaitWords } from '../protocol.ts';
import { withoutPassword } from '../said-traits.ts';
import type { ServerCredentials } from '../traits.ts';
import { authWords } from './answer-traits.ts';
import { withTimeout } from './commands/blocking-timeout.ts';
import { COLON, encodeRequest, MINUS, PERCENT } from './resp.ts';
import { databaseOf, isResp3 } from './session.ts';

const MAX_QUOTED_BYTES = 120;
/** Codes by which a server refuses a client, and why requests fail then. */
const REFUSALS: Readonly<Record<string, FailureReason>> = {
  NOAUTH: 'server_noauth',
  WRONGPASS: 'server_wrongpass',
  NOPERM: 'server_noperm',
  LOADING: 'server_loading',
};

const FUNCTION_KILL = 'FUNCTION KILL';

class OkRequest implements ControlRequest {
  readonly bytes: Buffer;
  readonly replyKind = 0;
  private readonly name: string;
  private readonly wanted: string;
  private readonly credentials: ServerCredentials | null;

  constructor(name: string, args: readonly string[], wanted: string, credentials: ServerCredentials | null = null) {
    this.bytes = encodeRequest(name, ...args);
    this.name = name;
    this.wanted = wanted;
    this.credentials = credentials;
  }

  check(reply: Buffer): string | null {
    if (reply.length === this.wanted.length && reply.toString('latin1') === this.wanted) return null;
    return withoutPassword(complaint(this.name, reply), this.credentials);
  }

  failure(reply: Buffer): FailureReason {
    return refusalOf(reply) ?? 'server_auth';
  }
}

/** The change to RESP3, which Redis has from version 6 on: a map answers it. */
const HELLO_3: ControlRequest = {
  bytes: encodeRequest('HELLO', '3'),
  replyKind: 0,
  check: reply => (reply[0] === PERCENT ? null : complaint('HELLO 3', reply)),
  failure: reply => refusalOf(reply) ?? 'server_version',
};

function refusalOf(reply: Buffer): FailureReason | undefined {
  const code = /^-([A-Z]+) /.exec(reply.toString('latin1', 0, MAX_QUOTED_BYTES))?.[1];
  if (code === 'BUSY') return reply.includes(FUNCTION_KILL) ? 'server_busy_function' : 'server_busy';
  return code === undefined ? undefined : REFUSALS[code];
}

function complaint(name: string, reply: Buffer): string {
  const said = reply.toString('latin1', 0, MAX_QUOTED_BYTES).trim();
  return reply[0] === MINUS ? `${name}: ${said.slice(1)}` : `${name}: unexpected reply ${said}`;
}

/** AUTH first: a server with a password answers nothing before it. */
export function handshakeRequests(options: HandshakeOptions): readonly ControlRequest[] {
  const requests: ControlRequest[] = [];
  if (options.credentials !== null) {
    const [name, ...args] = authWords(options.credentials);
    requests.push(new OkRequest(name as string, args, '+OK\r\n', options.credentials));
  }
  if (isResp3(options.variant)) requests.push(HELLO_3);
  const database = databaseOf(options.variant);
  const db = options.db + database;
  if (database >= 0 && db !== 0) requests.push(new OkRequest('SELECT', [String(db)], '+OK\r\n'));
  if (options.isReadAsReplica) requests.push(new OkRequest('READONLY', [], '+OK\r\n'));
  return requests;
}

/** CLIENT ID, of Redis 5 and newer; an older server answers with an error, and its connections have no number. */
class NumberRequest implements ControlRequest {
  readonly bytes = encodeRequest('CLIENT', 'ID');
  readonly replyKind = 0;
  private readonly onNumber: (number: number) => void;

  constructor(onNumber: (number: number) => void) {
    this.onNumber = onNumber;
  }

  check(reply: Buffer): string | null {
    if (reply[0] === COLON) this.onNumber(Number(reply.toString('latin1', 1)));
    return null;
  }

  failure(): FailureReason {
    return 'server_auth';
  }
}

const UNBLOCKED = Buffer.from('-UNBLOCKED ');

export const WAIT_WORDS: WaitWords = {
  identify: onNumber => new NumberRequest(onNumber),
  unblock: (number, isError) => encodeRequest('CLIENT', 'UNBLOCK', String(number), isError ? 'ERROR' : 'TIMEOUT'),
  isInterrupted: (buf, start, end) =>
    buf.compare(UNBLOCKED, 0, UNBLOCKED.length, start, Math.min(end, start + UNBLOCKED.length)) === 0,
  isUnblocked: reply => reply.toString('latin1') === ':1\r\n',
  waitingFor: withTimeout,
};

export const PROBE: ControlRequest = new OkRequest('PING', [], '+PONG\r\n');

/** Its reply is for `RedisRequestParser.learn`. */
export const COMMANDS_REQUEST: Buffer = encodeRequest('COMMAND');
