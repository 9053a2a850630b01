import { setTimeout as delay } from 'node:timers/promises';
import { joinRunning } from './join-running.ts';
import { type ProbeTarget, probe } from './probe.ts';

/** A pool as far as its readiness is concerned; a `PoolConfig` is one. */
export interface ReadinessPool {
  readonly name: string;
  readonly protocol: ProbeTarget['protocol'];
  readonly servers: readonly { readonly name: string; readonly address: ProbeTarget['address'] }[];
  /** Left out: off. */
  readonly serverProxyProtocol?: NonNullable<ProbeTarget['proxyVersion']>;
  /** Not null: TLS is spoken with its servers, see `ReadinessOptions.tls`. */
  readonly serverTls?: object | null;
}

/** A worker slot as far as its readiness is concerned. */
export interface WorkerReadiness {
  readonly slot: number;
  readonly state: 'serving' | 'silent' | 'starting' | 'backing_off' | 'draining';
  readonly pid: number | null;
  readonly restarts: number;
  /** Why it backs off, or is silent. */
  readonly why: string | null;
}

export interface ReadinessOptions {
  readonly pools: readonly ReadinessPool[];
  /** The worker slots. One that serves listens for all pools. */
  readonly workers: () => readonly WorkerReadiness[];
  /** The pool that is between two rings, and how far; null: none is. */
  readonly reshard?: () => { readonly pool: string; readonly phase: string } | null;
  /** How, as of now, with the servers of a pool that speaks it. */
  readonly tls?: (pool: string) => NonNullable<ProbeTarget['tls']> | null;
  /** For tests: what asks a server; see `probe`. */
  readonly probe?: (target: ProbeTarget, timeoutMs: number) => Promise<string | null>;
}

/** What /readyz says. */
export interface ReadinessReport {
  /** All pools are, and no worker slot is empty because its workers die, or silent: new connections to it would wait. */
  readonly ready: boolean;
  readonly workers: readonly WorkerReadiness[];
  readonly pools: readonly PoolReadiness[];
  /** A pool that is being resharded; that makes nothing unready. Not there: none is. */
  readonly reshard?: { readonly pool: string; readonly phase: string };
}

interface PoolReadiness {
  readonly name: string;
  readonly ready: boolean;
  /** Worker slots that listen. */
  readonly workers: number;
  /** null when ready. */
  readonly why: string | null;
  readonly servers: readonly ServerReadiness[];
}

interface ServerReadiness {
  readonly name: string;
  /** null: it has not answered yet, nor has its probe run out of time. */
  readonly reachable: boolean | null;
  readonly why: string | null;
}

const PROBE_TIMEOUT_MS = 1000;
const RESULT_LIFETIME_MS = 1000;
/** Once every pool is decided, the other servers have this long to answer for the sake of a complete report. */
const COMPLETION_MS = 50;

/** Whether every pool has a listening worker and a reachable server. Servers are asked only when somebody asks us. */
export class Readiness {
  private readonly options: ReadinessOptions;
  private pools: readonly ReadinessPool[] = [];
  /** By protocol and address: a server that is in two pools is asked once, unless each has its own idea of whom to trust. */
  private servers = new Map<string, ProbedServer>();

  constructor(options: ReadinessOptions) {
    this.options = options;
    this.setPools(options.pools);
  }

  /** Takes over another config. */
  setPools(pools: readonly ReadinessPool[]): void {
    const old = this.servers;
    this.pools = pools;
    this.servers = new Map();
    for (const pool of pools) {
      for (const { address } of pool.servers) {
        const key = keyOf(pool, address);
        this.servers.set(key, old.get(key) ?? new ProbedServer(this.asked(pool, address)));
      }
    }
  }

  private asked({ name, protocol, serverProxyProtocol, serverTls }: ReadinessPool, address: ProbeTarget['address']) {
    const { probe: ask = probe, tls = () => null } = this.options;
    const target = { protocol, address, proxyVersion: serverProxyProtocol ?? 'off' } as const;
    // Certificates are renewed without a word to us.
    return () => ask(serverTls ? { ...target, tls: tls(name) } : target, PROBE_TIMEOUT_MS);
  }

  /** The servers of one pool are others now. */
  setServers(pool: ReadinessPool): void {
    this.setPools(this.pools.map(each => (each.name === pool.name ? pool : each)));
  }

  /**
   * Probes the servers whose last result is older than a second. Resolves as soon as one server of each pool has
   * answered, so that a dead server does not delay the report on a pool that works; else after a second.
   */
  async check(): Promise<ReadinessReport> {
    const probed = this.pools.map(pool => ({
      pool,
      servers: pool.servers.map(({ name, address }) => ({
        name,
        server: this.servers.get(keyOf(pool, address))!,
      })),
    }));
    const decided = Promise.all(probed.map(({ servers }) => untilDecided(servers.map(({ server }) => server))));
    const complete = Promise.all([...this.servers.values()].map(server => server.check()));
    const enough = new AbortController();
    await Promise.race([complete, decided.then(() => delay(COMPLETION_MS, null, { signal: enough.signal }))]);
    enough.abort();

    const workers = this.options.workers();
    const serving = workers.filter(worker => worker.state === 'serving').length;
    const pools = probed.map(({ pool, servers }) =>
      judge(
        pool.name,
        serving,
        servers.map(({ name, server }) => ({ name, ...server.state() })),
      ),
    );
    // New connections that the kernel gives to such a slot wait.
    const isOneAway = workers.some(({ state }) => state === 'backing_off' || state === 'silent');
    const reshard = this.options.reshard?.() ?? null;
    const ready = pools.every(pool => pool.ready) && !isOneAway;
    return { ready, workers, pools, ...(reshard !== null && { reshard }) };
  }
}

function judge(name: string, workers: number, servers: readonly ServerReadiness[]): PoolReadiness {
  const faults: string[] = [];
  if (workers === 0) faults.push('no worker listens');
  // A port that several pools share has none.
  if (servers.length > 0 && !servers.some(server => server.reachable)) faults.push('no server is reachable');
  return { name, ready: faults.length === 0, workers, why: faults.length === 0 ? null : faults.join('; '), servers };
}

function keyOf(
  { name, protocol, serverProxyProtocol, serverTls }: ReadinessPool,
  address: ProbeTarget['address'],
): string {
  const pool = serverTls ? name : null;
  return JSON.stringify([protocol, serverProxyProtocol ?? 'off', Object.entries(address).sort(), pool]);
}

/** Resolves when one of the servers is reachable or all are known not to be. */
function untilDecided(servers: readonly ProbedServer[]): Promise<void> {
  return new Promise(resolve => {
    let unknown = servers.length;
    if (unknown === 0) resolve();
    for (const server of servers) {
      server.check().then(why => {
        unknown--;
        if (why === null || unknown === 0) resolve();
      });
    }
  });
}

class ProbedServer {
  /** Resolves with null when the server answers, else with why it does not. */
  readonly check: () => Promise<string | null>;
  private last: { readonly why: string | null; readonly atMs: number } | null = null;

  constructor(ask: () => Promise<string | null>) {
    this.check = joinRunning(async () => {
      if (this.last === null || performance.now() - this.last.atMs >= RESULT_LIFETIME_MS) {
        this.last = null;
        const why = await ask();
        this.last = { why, atMs: performance.now() };
      }
      return this.last.why;
    });
  }

  state(): { readonly reachable: boolean | null; readonly why: string | null } {
    if (this.last === null) return { reachable: null, why: 'no answer yet' };
    return { reachable: this.last.why === null, why: this.last.why };
  }
}
