// How long a command that blocks may wait at the server: 0 is for ever. A request whose timeout a server would refuse does not wait.

import type { Command } from './command.ts';
import { BLOCKING_TIMEOUTS } from './command-families.ts';
import { refusalText } from './command-policy.ts';
import { blockOptionAt } from './key-finder.ts';
import type { RequestArgs } from './request-args.ts';
import { errorReply } from './resp.ts';

/** It does not wait. */
export const WAITS_NOT = 0;
/** It waits until something comes. */
export const WAITS_FOR_EVER = -1;

const MAX_TIMEOUT_DIGITS = 32;
/** What strtold takes, of the forms that are in use. */
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** Of a request that has the right number of arguments; in ms, `WAITS_NOT` or `WAITS_FOR_EVER`. */
export function waitMsOf(command: Command, args: RequestArgs): number {
  const timeout = BLOCKING_TIMEOUTS[command.name];
  if (timeout === undefined) {
    const at = blockOptionAt(args);
    return at === 0 || at >= args.count ? WAITS_NOT : waitMs(args, at, 1);
  }
  return waitMs(args, timeout.at < 0 ? args.count + timeout.at : timeout.at, timeout.unitMs);
}

function waitMs(args: RequestArgs, at: number, unitMs: number): number {
  if (args.lengthOf(at) > MAX_TIMEOUT_DIGITS) return WAITS_NOT;
  const text = args.text(at);
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || value < 0) return WAITS_NOT;
  return value === 0 ? WAITS_FOR_EVER : Math.ceil(value * unitMs);
}

/** Without keys it counts the writes of one client on one server; of several, none speaks for the others. */
export const SEVERAL_SERVERS: ReadonlyMap<string, Buffer> = new Map(
  ['wait', 'waitaof'].map(name => [
    name,
    errorReply(refusalText(name, 'a pool of several servers has replicas of each')),
  ]),
);
