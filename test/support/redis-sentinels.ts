// Real masters with replicas, and three redis-sentinels that look after them.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Child, temporaryDirectory } from './child.ts';
import { freePorts } from './free-port.ts';
import { RawClient } from './raw-client.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import type { RespValue } from './resp-reader.ts';
import { waitFor } from './wait-for.ts';

export interface SentinelOptions {
  /** Names of the masters. */
  readonly masters?: readonly string[];
  readonly sentinels?: number;
  readonly replicas?: number;
  /** Of the servers, and of the Sentinels. */
  readonly password?: string;
  readonly sentinelPassword?: string;
  /** Further arguments of each redis-server. */
  readonly args?: readonly string[];
}

/**
 * After so much silence a server is taken for dead: short where a test has its master dead, else so long that a busy machine is no
 * reason for a fail-over that no test asked for, and that loses what the old master had acknowledged last.
 */
const PATIENCE_MS = { short: 1000, long: 60_000 } as const;

export interface Sentinel {
  readonly port: number;
  command(...args: (string | number)[]): Promise<RespValue>;
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  /** Fail-overs of this master that it knows of. */
  failOvers(master: string): number;
}

export interface Shard {
  readonly name: string;
  /** All of them, whatever their roles are. */
  readonly servers: RedisServer[];
}

export interface WatchedServers {
  readonly shards: readonly Shard[];
  readonly sentinels: readonly Sentinel[];
  /** The one that most Sentinels name; it says that it is a master. */
  masterOf(shard: Shard): Promise<RedisServer>;
  /** Resolves with who it is, once that is another than `old` and all Sentinels that live say so. */
  untilFailedOver(shard: Shard, old: RedisServer): Promise<RedisServer>;
  /** `old` was killed or hangs: the Sentinels find it dead. Resolves as `untilFailedOver`. */
  untilReplaced(shard: Shard, old: RedisServer): Promise<RedisServer>;
  /** How many fail-overs of it there were, whoever wanted them. */
  failOvers(shard: Shard): number;
  /** Starts a server again that was killed, on its port. Its Sentinels make it a replica. */
  revive(shard: Shard, server: RedisServer): Promise<RedisServer>;
  /** Resolves when all but the master are replicas that follow it, and all Sentinels know them. */
  untilWhole(shard: Shard): Promise<void>;
}

/**
 * What Sentinels do every ten seconds or so they do in a moment, in milliseconds; a busy machine is no reason to give up. Not the
 * pings: a replica is promoted only if it was heard within five of them, and is asked for its state once a second meanwhile.
 */
const IN_A_HURRY = [
  ...['info-period', 300, 'publish-period', 200, 'ask-period', 200],
  ...['tilt-period', 500, 'tilt-trigger', 20_000],
];

export async function startSentinels(
  t: { after(fn: () => Promise<void>): void },
  options: SentinelOptions = {},
): Promise<WatchedServers> {
  const { masters = ['shard-a'], sentinels: count = 3, replicas = 1, password } = options;
  const { sentinelPassword, args = [] } = options;
  const run = (port?: number, of?: number) =>
    startRedis({
      ...(port !== undefined && { port }),
      ...(password !== undefined && { requirepass: password }),
      args: [
        ...['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', '--enable-debug-command', 'local'],
        ...(password === undefined ? [] : ['--masterauth', password]),
        ...(of === undefined ? [] : ['--replicaof', '127.0.0.1', String(of)]),
        ...args,
      ],
    });
  const shards = await Promise.all(
    masters.map(async (name): Promise<Shard> => {
      const master = await run();
      const followers = await Promise.all(Array.from({ length: replicas }, () => run(undefined, master.port)));
      return { name, servers: [master, ...followers] };
    }),
  );
  t.after(async () => void (await Promise.all(shards.flatMap(({ servers }) => servers.map(each => each.kill())))));
  const watched = shards.flatMap(({ name, servers }) => [
    `sentinel monitor ${name} 127.0.0.1 ${servers[0]!.port} 2`,
    `sentinel down-after-milliseconds ${name} ${PATIENCE_MS.long}`,
    `sentinel failover-timeout ${name} 2000`,
    `sentinel parallel-syncs ${name} 5`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${password}`]),
  ]);
  const ports = await freePorts(count);
  const sentinels = await Promise.all(ports.map(port => startSentinel(port, watched, sentinelPassword)));
  t.after(async () => void (await Promise.all(sentinels.map(each => each.kill()))));

  const told = async (shard: Shard): Promise<(number | null)[]> =>
    await Promise.all(
      sentinels.map(async each => {
        const said = await each.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', shard.name).catch(() => null);
        return Array.isArray(said) ? Number(said[1]) : null;
      }),
    );
  const isMaster = async (server: RedisServer) =>
    /^role:master/m.test(String(await server.command('INFO', 'replication').catch(() => '')));
  /** `but`: not this one, which may not answer. */
  const agreed = async (shard: Shard, but?: RedisServer): Promise<RedisServer | null> => {
    const named = (await told(shard)).filter(port => port !== null);
    const server = shard.servers.find(each => each.port === named[0] && each.port !== but?.port);
    const isAgreed = named.every(port => port === named[0]) && server !== undefined && (await isMaster(server));
    return isAgreed ? server : null;
  };
  const setPatience = async (shard: Shard, ms: number) => {
    const words = ['SENTINEL', 'SET', shard.name, 'down-after-milliseconds', ms];
    // Sentinels may be dead, too.
    await Promise.all(sentinels.map(each => each.command(...words).catch(() => null)));
  };
  const watching: WatchedServers = {
    shards,
    sentinels,
    masterOf: shard => waitFor(() => agreed(shard), { what: 'the Sentinels to agree', timeoutMs: 30_000, everyMs: 50 }),
    untilFailedOver: (shard, old) =>
      waitFor(() => agreed(shard, old), { what: 'a fail-over', timeoutMs: 30_000, everyMs: 50 }),
    async untilReplaced(shard, old) {
      await setPatience(shard, PATIENCE_MS.short);
      const successor = await watching.untilFailedOver(shard, old);
      await setPatience(shard, PATIENCE_MS.long);
      return successor;
    },
    failOvers: shard => Math.max(...sentinels.map(each => each.failOvers(shard.name))),
    async revive(shard, server) {
      const revived = await run(server.port);
      shard.servers[shard.servers.indexOf(server)] = revived;
      return revived;
    },
    async untilWhole(shard) {
      await waitFor(
        async () => {
          const master = await agreed(shard);
          if (master === null) return false;
          const others = shard.servers.filter(each => each !== master);
          const infos = await Promise.all(others.map(each => each.command('INFO', 'replication').catch(() => '')));
          const isFollowing = infos.every(
            info => String(info).includes(`master_port:${master.port}\r`) && /master_link_status:up/.test(String(info)),
          );
          const known = await Promise.all(
            sentinels.map(each => each.command('SENTINEL', 'REPLICAS', shard.name).catch(() => null)),
          );
          const areKnown = known.every(
            list => list === null || (list as RespValue[]).filter(isReachable).length >= others.length,
          );
          return isFollowing && areKnown;
        },
        { what: 'all servers to follow', timeoutMs: 45_000, everyMs: 50 },
      );
    },
  };
  for (const shard of shards) await watching.untilWhole(shard);
  await waitFor(
    async () => {
      const others = await Promise.all(
        shards.flatMap(({ name }) => sentinels.map(each => each.command('SENTINEL', 'SENTINELS', name))),
      );
      return others.every(list => (list as RespValue[]).length === count - 1);
    },
    { what: 'the Sentinels to know each other', timeoutMs: 30_000, everyMs: 50 },
  );
  return watching;
}

function isReachable(replica: RespValue): boolean {
  const fields = (replica as Buffer[]).map(String);
  return !/down|disconnected/.test(fields[fields.indexOf('flags') + 1] ?? '');
}

async function startSentinel(port: number, watched: readonly string[], password?: string): Promise<Sentinel> {
  const file = path.join(temporaryDirectory('sentinel'), 'sentinel.conf');
  const secret = password === undefined ? [] : [`requirepass ${password}`, `sentinel sentinel-pass ${password}`];
  writeFileSync(file, [`port ${port}`, 'bind 127.0.0.1', ...secret, ...watched, ''].join('\n'));
  const child = new Child('redis-server', [file, '--sentinel']);
  await child.until(() => child.stdout().includes('+monitor'), 'redis-sentinel to watch');
  const sentinel: Sentinel = {
    port,
    async command(...words) {
      const client = await RawClient.connect(port);
      try {
        if (password !== undefined) await client.command('AUTH', password);
        return await client.command(...words);
      } finally {
        client.destroy();
      }
    },
    freeze: () => child.signal('SIGSTOP'),
    thaw: () => child.signal('SIGCONT'),
    kill: async () => void (await child.kill()),
    failOvers: master => child.stdout().split(`+switch-master ${master} `).length - 1,
  };
  await sentinel.command('SENTINEL', 'DEBUG', ...IN_A_HURRY);
  return sentinel;
}
