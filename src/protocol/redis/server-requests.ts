// What Ringmaster itself asks of a Redis server: AUTH and SELECT when a connection opens, PING to see that it is well.
import type { ControlRequest, HandshakeOptions } from '../protocol.ts';
import { encodeRequest, MINUS } from './resp.ts';

const MAX_QUOTED_BYTES = 120;

class OkRequest implements ControlRequest {
  readonly bytes: Buffer;
  readonly replyKind = 0;
  private readonly name: string;
  private readonly wanted: string;

  constructor(name: string, args: readonly string[], wanted: string) {
    this.bytes = encodeRequest(name, ...args);
    this.name = name;
    this.wanted = wanted;
  }

  check(reply: Buffer): string | null {
    if (reply.length === this.wanted.length && reply.toString('latin1') === this.wanted) return null;
    const said = reply.toString('latin1', 0, MAX_QUOTED_BYTES).trim();
    return reply[0] === MINUS ? `${this.name}: ${said.slice(1)}` : `${this.name}: unexpected reply ${said}`;
  }
}

/** AUTH, then SELECT: a server with a password answers nothing before AUTH. */
export function handshakeRequests(options: HandshakeOptions): readonly ControlRequest[] {
  const requests: ControlRequest[] = [];
  if (options.password !== null) requests.push(new OkRequest('AUTH', [options.password], '+OK\r\n'));
  if (options.db !== 0) requests.push(new OkRequest('SELECT', [String(options.db)], '+OK\r\n'));
  return requests;
}

export const PROBE: ControlRequest = new OkRequest('PING', [], '+PONG\r\n');
