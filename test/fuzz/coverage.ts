import { Session } from 'node:inspector';
import type { FuzzTarget } from './fuzz-target.ts';

interface CoverageRange {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly CoverageRange[] }[];
}

/**
 * Which blocks of the source V8 has run. To be made before the sources are loaded: V8 counts blocks only in code that
 * it compiles afterwards. It makes that code slow, so it has a thread of its own; see explorer.ts.
 */
export class Coverage {
  private readonly session = new Session();
  private readonly seen = new Set<string>();

  constructor() {
    this.session.connect();
    this.post('Profiler.enable');
    this.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  get blocks(): number {
    return this.seen.size;
  }

  /** Blocks of the target's sources that have run since the last call, without those that were admitted. */
  newBlocks(target: FuzzTarget): string[] {
    const found: string[] = [];
    const { result } = this.post('Profiler.takePreciseCoverage') as { result: readonly ScriptCoverage[] };
    for (const { url, functions } of result) {
      if (!target.sources.some(source => url.includes(source))) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          const block = `${url}:${startOffset}-${endOffset}`;
          if (count > 0 && !this.seen.has(block)) found.push(block);
        }
      }
    }
    return found;
  }

  /** They are no news any more. */
  admit(blocks: readonly string[]): void {
    for (const block of blocks) this.seen.add(block);
  }

  private post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    // Within one thread the answer is there before `post` returns.
    this.session.post(method, parameters, (error: Error | null, result?: object) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}
