// Real masters with replicas, and three redis-sentinels that look after them.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { CertificateFiles } from './certificates.ts';
import { Child, temporaryDirectory } from './child.ts';
import { freePort, freePorts } from './free-port.ts';
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
  /** Servers and Sentinels speak TLS with each other, at ports of their own, and show this certificate. */
  readonly tls?: CertificateFiles & { readonly ca: string };
  /** What all call themselves; 127.0.0.1 unless given. */
  readonly host?: string;
}

/**
 * After so much silence a server is taken for dead: short where a test has its master dead, else so long that a busy machine is no
 * reason for a fail-over that no test asked for, and that loses what the old master had acknowledged last.
 */
const PATIENCE_MS = { short: 1000, long: 60_000 } as const;

export interface Sentinel {
  readonly port: number;
  /** 0: it speaks no TLS. */
  readonly tlsPort: number;
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
  const { sentinelPassword, args = [], tls, host = '127.0.0.1' } = options;
  const tlsPorts = new Map<number, number>();
  /** Where the others find it. */
  const toldPort = ({ port }: { readonly port: number }) => tlsPorts.get(port) ?? port;
  const tlsArgs = async (port?: number): Promise<string[]> => {
    if (tls === undefined) return [];
    const tlsPort = (port === undefined ? undefined : tlsPorts.get(port)) ?? (await freePort());
    return ['--tls-port', String(tlsPort), ...tlsSettings(tls).flatMap(([name, value]) => [`--${name}`, value])];
  };
  const run = async (port?: number, of?: RedisServer) => {
    const ofTls = await tlsArgs(port);
    const server = await startRedis({
      ...(port !== undefined && { port }),
      ...(password !== undefined && { requirepass: password }),
      args: [
        ...['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', '--enable-debug-command', 'local'],
        ...(password === undefined ? [] : ['--masterauth', password]),
        ...(of === undefined ? [] : ['--replicaof', host, String(toldPort(of))]),
        ...(host === '127.0.0.1' ? [] : ['--replica-announce-ip', host]),
        ...ofTls,
        ...args,
      ],
    });
    if (tls !== undefined) tlsPorts.set(server.port, Number(ofTls[1]));
    return server;
  };
  const shards = await Promise.all(
    masters.map(async (name): Promise<Shard> => {
      const master = await run();
      const followers = await Promise.all(Array.from({ length: replicas }, () => run(undefined, master)));
      return { name, servers: [master, ...followers] };
    }),
  );
  t.after(async () => void (await Promise.all(shards.flatMap(({ servers }) => servers.map(each => each.kill())))));
  const watched = shards.flatMap(({ name, servers }) => [
    `sentinel monitor ${name} ${host} ${toldPort(servers[0]!)} 2`,
    `sentinel down-after-milliseconds ${name} ${PATIENCE_MS.long}`,
    `sentinel failover-timeout ${name} 2000`,
    `sentinel parallel-syncs ${name} 5`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${password}`]),
  ]);
  const ports = await freePorts(2 * count);
  const settings = [
    ...(host === '127.0.0.1' ? [] : ['sentinel resolve-hostnames yes', 'sentinel announce-hostnames yes']),
    ...(tls === undefined ? [] : tlsSettings(tls).map(setting => setting.join(' '))),
  ];
  const sentinels = await Promise.all(
    Array.from({ length: count }, (_, i) => {
      const [port, tlsPort] = [ports[2 * i]!, tls === undefined ? 0 : ports[2 * i + 1]!];
      return startSentinel(port, tlsPort, [...settings, ...watched], sentinelPassword);
    }),
  );
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
    const server = shard.servers.find(each => toldPort(each) === named[0] && each.port !== but?.port);
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
            info =>
              String(info).includes(`master_port:${toldPort(master)}\r`) && /master_link_status:up/.test(String(info)),
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

function tlsSettings({ cert, key, ca }: CertificateFiles & { readonly ca: string }): [name: string, value: string][] {
  return [
    ['tls-cert-file', cert],
    ['tls-key-file', key],
    ['tls-ca-cert-file', ca],
    ['tls-auth-clients', 'no'],
    ['tls-replication', 'yes'],
  ];
}

function isReachable(replica: RespValue): boolean {
  const fields = (replica as Buffer[]).map(String);
  return !/down|disconnected/.test(fields[fields.indexOf('flags') + 1] ?? '');
}

async function startSentinel(
  port: number,
  tlsPort: number,
  settings: readonly string[],
  password?: string,
): Promise<Sentinel> {
  const file = path.join(temporaryDirectory('sentinel'), 'sentinel.conf');
  const secret = password === undefined ? [] : [`requirepass ${password}`, `sentinel sentinel-pass ${password}`];
  writeFileSync(file, [`port ${port}`, `tls-port ${tlsPort}`, 'bind 127.0.0.1', ...secret, ...settings, ''].join('\n'));
  const child = new Child('redis-server', [file, '--sentinel']);
  await child.until(() => child.stdout().includes('+monitor'), 'redis-sentinel to watch');
  const sentinel: Sentinel = {
    port,
    tlsPort,
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
