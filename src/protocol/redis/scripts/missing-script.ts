import type { Gift, Remedy } from '../../remedy.ts';

const NO_SCRIPT = '-NOSCRIPT';

/** EVALSHA of a script that the server may not have, and that is known here. */
export class MissingScript implements Remedy {
  readonly gifts: readonly Gift[];
  readonly isGivenAhead = true;
  readonly isForReplicas = true;

  constructor(gifts: readonly Gift[]) {
    this.gifts = gifts;
  }

  isLacking(buf: Buffer, start: number, end: number): boolean {
    return buf.toString('latin1', start, Math.min(end, start + NO_SCRIPT.length)) === NO_SCRIPT;
  }

  isLackingInside(buf: Buffer, start: number, end: number): boolean {
    const at = buf.indexOf(NO_SCRIPT, start, 'latin1');
    return at >= 0 && at < end;
  }
}
