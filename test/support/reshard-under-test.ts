// A worker's data path in this process, whose pool is led from one ring to another by the states that a master would send.

import type { TestContext } from 'node:test';
import type { Config, PoolConfig } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Half } from '../../src/config/tables/ring-settings.ts';
import type { PoolStats } from '../../src/figures/statistics.ts';
import type { ReshardPhase, ReshardState } from '../../src/ipc/reshard-state.ts';
import { ACCESS_WRITE } from '../../src/placement/placement.ts';
import type { TwoPlacements } from '../../src/placement/two-placements.ts';
import { AuditTrail } from '../../src/proxy/insight/audit-trail.ts';
import { planPool } from '../../src/upstream/pool-plan.ts';
import { DataPath } from '../../src/worker/data-path.ts';
import { DataPathPlanner, NO_TOPOLOGY, poolOptions } from '../../src/worker/data-path-plan.ts';
import { bindLocal } from './bind-local.ts';
import { CollectedLog } from './collected-log.ts';
import { RawClient } from './raw-client.ts';

/** `settings`: further lines of the pool; `servers`: as in the file. */
export interface Shape {
  readonly servers: readonly string[];
  readonly settings?: readonly string[];
}

const RESHARD = { id: 'test', half: 'whole', isBack: false, isDropping: false } as const;

export function poolOf(shape: Shape, protocol: 'redis' | 'memcached' = 'redis'): PoolConfig {
  return configOf(shape, protocol).pools[0] as PoolConfig;
}

function configOf({ servers, settings = [] }: Shape, protocol: 'redis' | 'memcached'): Config {
  const lines = [
    'admin: false',
    'pools:',
    '  tested:',
    '    listen: 127.0.0.1:1',
    `    protocol: ${protocol}`,
    ...settings.map(line => `    ${line}`),
    '    servers:',
    ...servers.map(server => `      - ${server}`),
  ];
  return parseConfig(`${lines.join('\n')}\n`, 'test.yml');
}

/** Whether a key's server differs in the two shapes. */
export function movesBetween(from: PoolConfig, to: PoolConfig): (key: string) => boolean {
  const options = poolOptions(from, NO_TOPOLOGY, { ...RESHARD, phase: 'both', from, to });
  const placement = planPool(options).placement as TwoPlacements;
  return key => placement.moves(Buffer.from(key), 0, Buffer.byteLength(key), ACCESS_WRITE);
}

/** One worker's data path. */
export class WorkerUnderTest {
  readonly port: number;
  readonly log = new CollectedLog();
  private readonly dataPath: DataPath;
  readonly from: PoolConfig;
  private readonly to: PoolConfig;

  private constructor(port: number, dataPath: DataPath, from: PoolConfig, to: PoolConfig) {
    this.port = port;
    this.dataPath = dataPath;
    this.from = from;
    this.to = to;
  }

  /** Serves by `from`. It ends with the test. */
  static async start(t: Pick<TestContext, 'after'>, from: PoolConfig, to: PoolConfig): Promise<WorkerUnderTest> {
    const log = new CollectedLog();
    const { handle, port } = await bindLocal();
    const dataPath = new DataPath(log, null, {
      audit: new AuditTrail(() => {}),
      tellWrongPasswords: () => {},
      places: { ask: () => {}, giveBack: () => {} },
      onSlowRequest: () => {},
      clearSlowlog: () => {},
      tellKept: () => {},
      askClients: (_pool, _question, then) => then([], false),
      tellTrouble: () => false,
      hint: () => {},
      shares: { ask: () => {}, give: () => {} },
      tellLimiting: () => {},
      tellCrowds: (_pool, _crowds, then) => then(),
    });
    const config = configOf({ servers: ['127.0.0.1:1'] }, from.protocol);
    const planner = new DataPathPlanner(dataPath);
    await planner.add([from]);
    await dataPath.apply(planner.finish(config), new Map([[from.name, handle]]));
    t.after(() => dataPath.drain(0));
    return new WorkerUnderTest(port, dataPath, from, to);
  }

  /** Tells it how far the pool is; resolves when that is in force. `isBack`: the two rings change places. */
  async go(phase: ReshardPhase | null, isBack = false, half: Half = 'whole'): Promise<void> {
    const [from, to] = isBack ? [this.to, this.from] : [this.from, this.to];
    const state: ReshardState | null = phase === null ? null : { ...RESHARD, phase, half, isBack, from, to };
    await this.dataPath.setReshard(this.from.name, state);
  }

  /** The file says so now: a reload. */
  async reload(pool: PoolConfig): Promise<void> {
    const config = configOf({ servers: ['127.0.0.1:1'] }, pool.protocol);
    const planner = new DataPathPlanner(this.dataPath);
    await planner.add([pool]);
    await this.dataPath.apply(planner.finish(config), new Map());
  }

  get stats(): PoolStats {
    for (const series of this.dataPath.pass(true).series) if (series.kind === 'pool') return series.key as PoolStats;
    throw new Error('there is no pool');
  }

  client(): Promise<RawClient> {
    return RawClient.connect(this.port);
  }
}
