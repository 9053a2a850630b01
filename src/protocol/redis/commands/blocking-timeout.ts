import type { Remedy } from '../../remedy.ts';
import { RequestArgs } from '../request-args.ts';
import { encodeRequest, errorReply } from '../resp.ts';
import type { Command } from './command.ts';
import { BLOCKING_TIMEOUTS } from './command-families.ts';
import { refusalText } from './command-policy.ts';
import { blockOptionAt } from './key-finder.ts';

/** The request does not wait on its server. */
export const DOES_NOT_WAIT = -1;
/** `RequestParser.waitMs` of one that waits until something comes. */
export const WAITS_FOR_EVER = -1;
/** Longer texts are no number that a server takes. */
const MAX_NUMBER_BYTES = 40;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * How long the request may wait on its server, in milliseconds: 0 for ever, DOES_NOT_WAIT for one that does not, NaN where
 * the server answers at once what is wrong with the number. As getTimeoutFromObjectOrReply in Redis's timeout.c: fractions
 * round up. Not for hot paths.
 */
export function blockingTimeoutMs(command: Command, args: RequestArgs): number {
  if (command.finder === 'streams') {
    const at = blockOptionAt(args);
    return at === 0 ? DOES_NOT_WAIT : waitMsAt(args, at, 1);
  }
  const timeout = BLOCKING_TIMEOUTS[command.name];
  if (timeout === undefined) return DOES_NOT_WAIT;
  return waitMsAt(args, timeout.at < 0 ? args.count + timeout.at : timeout.at, timeout.unitMs);
}

/** A request that waits, an array as clients send it, with `ms` milliseconds to wait in place of what it says. */
export function withTimeout(request: Buffer, ms: number): Buffer {
  const args = new RequestArgs();
  args.locate(request);
  const words = Array.from({ length: args.count }, (_, i) => args.bytes(i));
  const timeout = BLOCKING_TIMEOUTS[args.text(0).toLowerCase()];
  const unitMs = timeout?.unitMs ?? 1;
  const at = timeout === undefined ? blockOptionAt(args) : timeout.at < 0 ? args.count + timeout.at : timeout.at;
  const wholeMs = Math.max(1, Math.ceil(ms));
  words[at] = Buffer.from(unitMs === 1 ? String(wholeMs) : (wholeMs / unitMs).toFixed(3));
  return encodeRequest(...words);
}

/** What the argument at `at` says, in `unitMs`. */
function waitMsAt(args: RequestArgs, at: number, unitMs: number): number {
  if (at >= args.count || args.lengthOf(at) > MAX_NUMBER_BYTES) return Number.NaN;
  if (unitMs === 1) {
    const ms = args.integer(at);
    return ms < 0 ? Number.NaN : ms;
  }
  const text = args.text(at);
  const ms = NUMBER.test(text) ? Math.ceil(Number(text) * unitMs) : Number.NaN;
  return ms < 0 || ms > Number.MAX_SAFE_INTEGER ? Number.NaN : ms;
}

/** Without keys it counts the writes of one client on one server; of several, none speaks for the others. */
export const SEVERAL_SERVERS: ReadonlyMap<string, Buffer> = new Map(
  ['wait', 'waitaof'].map(name => [
    name,
    errorReply(refusalText(name, 'a pool of several servers has replicas of each')),
  ]),
);

/**
 * WAIT counts who has what its own connection had seen written at its last command (replication.c): one that is used again has to
 * see first what the client has written on others.
 */
export const WRITES_SEEN: Remedy = {
  gifts: [{ request: encodeRequest('PING'), isLasting: false, check: null }],
  isGivenAhead: true,
  isForReplicas: true,
  isLacking: () => false,
  isLackingInside: () => false,
};
