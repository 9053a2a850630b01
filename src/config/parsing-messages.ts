import type { Config, PoolConfig } from './config.ts';
import type { ConfigProblem } from './errors.ts';
import type { TakenSecret } from './secrets.ts';

/** What a parsing thread is given. */
export interface ParsingJob {
  readonly text: string;
  readonly fileName: string;
}

/**
 * What it says: `problems`, or `read` and then its pools, part by part, each when it is asked for, so that whoever takes them in
 * is not kept for long.
 */
export type FromParser =
  | { readonly type: 'problems'; readonly problems: readonly ConfigProblem[] }
  | { readonly type: 'read'; readonly config: Config; readonly secrets: readonly TakenSecret[] }
  | { readonly type: 'pools'; readonly pools: readonly PoolConfig[] }
  | { readonly type: 'done' };

/** The only thing that it is told. */
export const NEXT = 'next';
