import { joinRunning } from './join-running.ts';
import { type ProbeTarget, probe } from './probe.ts';

/** A pool as far as asking its servers is concerned; a `PoolConfig` is one. */
export interface AskedPool {
  readonly name: string;
  readonly protocol: ProbeTarget['protocol'];
  /** Left out: off. */
  readonly serverProxyProtocol?: NonNullable<ProbeTarget['proxyVersion']>;
  /** Not null: TLS is spoken with its servers, see `ServerAnswersOptions.tls`. */
  readonly serverTls?: object | null;
}

export interface ServerAnswersOptions {
  /** For how long an answer holds. */
  readonly holdMs: () => number;
  /** How, as of now, with the servers of a pool that speaks it. */
  readonly tls?: (pool: string) => NonNullable<ProbeTarget['tls']> | null;
  /** For tests: what asks a server; see `probe`. */
  readonly probe?: (target: ProbeTarget, timeoutMs: number) => Promise<string | null>;
}

/** A server has so long to answer. */
export const PROBE_TIMEOUT_MS = 1000;
/** So many are asked at a time: each takes a descriptor and a local port. */
const ASKED_AT_ONCE = 1024;

/** What servers have answered lately. Who is in two pools is asked once, unless each has its own idea of whom to trust. */
export class ServerAnswers {
  private readonly options: ServerAnswersOptions;
  private readonly servers = new Map<string, ServerAnswer>();
  private asked = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(options: ServerAnswersOptions) {
    this.options = options;
  }

  of(pool: AskedPool, address: ProbeTarget['address']): ServerAnswer {
    const key = keyOf(pool, address);
    let server = this.servers.get(key);
    if (server === undefined) {
      server = new ServerAnswer(this.asking(pool, address), this.options.holdMs);
      this.servers.set(key, server);
    }
    return server;
  }

  /** Forgets what holds no longer. */
  forgetOld(): void {
    for (const [key, server] of this.servers) if (server.isOld) this.servers.delete(key);
  }

  private asking({ name, protocol, serverProxyProtocol, serverTls }: AskedPool, address: ProbeTarget['address']) {
    const { probe: ask = probe, tls = () => null } = this.options;
    const target = { protocol, address, proxyVersion: serverProxyProtocol ?? 'off' } as const;
    // Certificates are renewed without a word to us.
    const begin = () => ask(serverTls ? { ...target, tls: tls(name) } : target, PROBE_TIMEOUT_MS);
    return (): Promise<string | null> => {
      if (this.asked < ASKED_AT_ONCE) return this.counted(begin);
      return new Promise(resolve => this.waiting.push(() => resolve(this.counted(begin))));
    };
  }

  private async counted(begin: () => Promise<string | null>): Promise<string | null> {
    this.asked++;
    try {
      return await begin();
    } finally {
      this.asked--;
      this.waiting.shift()?.();
    }
  }
}

function keyOf({ name, protocol, serverProxyProtocol, serverTls }: AskedPool, address: ProbeTarget['address']): string {
  const pool = serverTls ? name : null;
  return JSON.stringify([protocol, serverProxyProtocol ?? 'off', Object.entries(address).sort(), pool]);
}

/** What one server has answered last. */
export class ServerAnswer {
  /** Asks it, unless what it has answered holds. Resolves with null when it answers, else with why it does not. */
  readonly check: () => Promise<string | null>;
  private readonly holdMs: () => number;
  private last: { readonly why: string | null; readonly atMs: number } | null = null;
  private isAsked = false;

  constructor(ask: () => Promise<string | null>, holdMs: () => number) {
    this.holdMs = holdMs;
    this.check = joinRunning(async () => {
      if (this.last === null || this.isOld) {
        this.last = null;
        this.isAsked = true;
        const why = await ask();
        this.isAsked = false;
        this.last = { why, atMs: performance.now() };
      }
      return this.last.why;
    });
  }

  get isOld(): boolean {
    return !this.isAsked && (this.last === null || performance.now() - this.last.atMs >= this.holdMs());
  }

  /** undefined: it has not answered yet; else as `check`. */
  get why(): string | null | undefined {
    return this.last?.why;
  }
}
