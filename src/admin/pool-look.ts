import type { ProbeTarget } from './probe.ts';
import type { AskedPool, ServerAnswer } from './server-answers.ts';

/** A pool as far as its readiness is concerned; a `PoolConfig` is one. */
export interface ReadinessPool extends AskedPool {
  readonly servers: readonly { readonly name: string; readonly address: ProbeTarget['address'] }[];
}

export interface ServerReadiness {
  readonly name: string;
  /** null: it has not answered yet, nor has its probe run out of time. */
  readonly reachable: boolean | null;
  readonly why: string | null;
}

export interface LookSource {
  answerOf(pool: AskedPool, address: ProbeTarget['address']): ServerAnswer;
  /** What health checks say of a server: null when it is well, else why not; undefined: they have not asked it. */
  verdictOf(pool: string, server: string): string | null | undefined;
  /** A server has answered, or will not. */
  onAnswer(): void;
}

interface Seen {
  readonly index: number;
  /** null: health checks have said it. */
  readonly answer: ServerAnswer | null;
  readonly verdict: string | null | undefined;
}

/** A look at one pool: as many of its servers as it takes to find one that answers. */
export class PoolLook {
  readonly pool: ReadinessPool;
  /** One of its servers is there. */
  isReachable = false;
  private readonly source: LookSource;
  private readonly first: number;
  private readonly seen: Seen[] = [];
  private pending = 0;
  private readonly asked: Promise<unknown>[] = [];

  /** `first`: the index of the server to begin with. */
  constructor(pool: ReadinessPool, first: number, source: LookSource) {
    this.pool = pool;
    this.source = source;
    this.first = first;
  }

  /** All that were asked have answered, or will not. */
  get isQuiet(): boolean {
    return this.pending === 0;
  }

  async untilQuiet(): Promise<void> {
    await Promise.all(this.asked);
  }

  get isDecided(): boolean {
    return this.isReachable || (this.isQuiet && this.seen.length === this.pool.servers.length);
  }

  /** Looks at so many servers more, if there are. */
  further(count: number): void {
    const { servers } = this.pool;
    const end = Math.min(servers.length, this.seen.length + count);
    while (this.seen.length < end) this.lookAt((this.first + this.seen.length) % servers.length);
  }

  private lookAt(index: number): void {
    const { pool, source } = this;
    const { name, address } = pool.servers[index]!;
    const verdict = source.verdictOf(pool.name, name);
    if (verdict !== undefined) {
      this.seen.push({ index, answer: null, verdict });
      if (verdict === null) this.isReachable = true;
      return;
    }
    const answer = source.answerOf(pool, address);
    this.seen.push({ index, answer, verdict });
    this.pending++;
    const answered = answer.check().then(why => {
      this.pending--;
      if (why === null) this.isReachable = true;
      source.onAnswer();
    });
    this.asked.push(answered);
  }

  /** The index of one that is there; -1: none is. */
  get reachable(): number {
    return this.seen.find(each => whyOf(each) === null)?.index ?? -1;
  }

  /** Of those that were looked at, in the order of the file. */
  rows(): ServerReadiness[] {
    return this.seen
      .toSorted((a, b) => a.index - b.index)
      .map(each => {
        const why = whyOf(each);
        const { name } = this.pool.servers[each.index]!;
        return why === undefined
          ? { name, reachable: null, why: 'no answer yet' }
          : { name, reachable: why === null, why };
      });
  }

  /** Servers that were not looked at. */
  get unseen(): number {
    return this.pool.servers.length - this.seen.length;
  }
}

function whyOf({ answer, verdict }: Seen): string | null | undefined {
  return answer === null ? verdict : answer.why;
}
