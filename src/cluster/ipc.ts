import { z } from 'zod';
import type { Config, LogLevel } from '../config/config.ts';
import type { WorkerSnapshot } from '../core/statistics.ts';

/*
 * What master and workers say to each other. Anything else is refused: both ends are the same program, so an unknown
 * message is a mistake that should be seen.
 */

/** Plain data that was checked before it was sent. */
const checked = <T>() => z.custom<T>(value => typeof value === 'object' && value !== null);
const logLevel = z.custom<LogLevel>(value => typeof value === 'string');

const toWorker = z.discriminatedUnion('type', [
  /** First message. */
  z.strictObject({ type: z.literal('start'), slot: z.int().min(0), config: checked<Config>() }),
  /** Comes with the bound socket of this worker slot for a pool; used by the next `switch`. */
  z.strictObject({ type: z.literal('socket'), pool: z.string() }),
  /** Build what this configuration needs, and say `prepared` or `refused`. */
  z.strictObject({ type: z.literal('prepare'), id: z.int(), config: checked<Config>() }),
  /** Serve by what was prepared; say `switched` once all listeners accept. */
  z.strictObject({ type: z.literal('switch'), id: z.int() }),
  /** Forget what was prepared and its sockets. */
  z.strictObject({ type: z.literal('abandon'), id: z.int() }),
  /** Answer what is pending, close, exit. */
  z.strictObject({ type: z.literal('drain') }),
  /** Send a `report` with this id. */
  z.strictObject({ type: z.literal('report'), id: z.int() }),
  z.strictObject({ type: z.literal('log'), level: logLevel, reopen: z.boolean() }),
]);

const toMaster = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('prepared'), id: z.int() }),
  z.strictObject({ type: z.literal('refused'), id: z.int(), message: z.string() }),
  z.strictObject({ type: z.literal('switched'), id: z.int() }),
  /** The worker drains of its own accord and exits; another should take its place now. */
  z.strictObject({ type: z.literal('leaving') }),
  /** The worker can't do its work; it exits after this. */
  z.strictObject({ type: z.literal('failed'), message: z.string() }),
  /** `id`: of the `report` it answers; null: of its own accord. */
  z.strictObject({ type: z.literal('report'), id: z.int().nullable(), snapshot: checked<WorkerSnapshot>() }),
]);

export type ToWorker = z.infer<typeof toWorker>;
export type ToMaster = z.infer<typeof toMaster>;

/** The message, or an Error that names what is wrong with it. */
export function readToWorker(message: unknown): ToWorker {
  return read(toWorker, message);
}

/** The message, or an Error that names what is wrong with it. */
export function readToMaster(message: unknown): ToMaster {
  return read(toMaster, message);
}

function read<T>(schema: z.ZodType<T>, message: unknown): T {
  const result = schema.safeParse(message);
  if (result.success) return result.data;
  throw new Error(`unknown IPC message: ${z.prettifyError(result.error)}`);
}
