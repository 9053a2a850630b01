import type { KeySweep } from '../../../key-sweep.ts';
import type { Command } from '../../commands/command.ts';
import type { RequestArgs } from '../../request-args.ts';
import { SYNTAX_ERROR } from '../../request-errors.ts';
import type { RespVersion } from '../../resp.ts';
import { CountKeys } from './count-keys.ts';
import { PickKey } from './pick-key.ts';
import { RemoveKeys } from './remove-keys.ts';

/** What is done for DBSIZE, RANDOMKEY, FLUSHDB or FLUSHALL of a client with that prefix, or what it reads at once. */
export function sweepOf(
  { name }: Command,
  args: RequestArgs,
  prefix: Buffer,
  maxBytes: number,
  version: RespVersion,
): KeySweep | Buffer {
  if (name === 'dbsize') return new CountKeys(prefix, maxBytes);
  if (name === 'randomkey') return new PickKey(prefix, maxBytes, version);
  // [ASYNC | SYNC]
  if (args.count > 2 || (args.count === 2 && !args.isWord(1, 'async') && !args.isWord(1, 'sync'))) return SYNTAX_ERROR;
  return new RemoveKeys(name, prefix, maxBytes);
}
