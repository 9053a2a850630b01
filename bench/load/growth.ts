import { SMALL } from './data-set.ts';
import { type GeneratorLoad, SCENARIOS, type Scenario, scenario } from './scenarios.ts';

const CLIENTS = 200;
const get: GeneratorLoad = {
  tool: 'generator',
  data: SMALL,
  keys: 1,
  isWrite: false,
  clients: CLIENTS,
  loadShare: null,
};

/**
 * How CPU per request and memory grow: one number at a time, the others being 200 clients, one pool, two servers, one
 * worker. Clients are spread over the pools.
 */
export const GROWTH: readonly Scenario[] = [
  ...[1, 50, 500, 2000].map(clients =>
    scenario(`clients-${clients}`, `GET 100 B, ${clients} ${clients === 1 ? 'client' : 'clients'}`, {
      ...get,
      clients,
    }),
  ),
  ...[2, 20, 100].map(servers =>
    scenario(`servers-${servers}`, `GET 100 B, ${CLIENTS} clients, 1 pool of ${servers} servers`, get, {
      fleet: { pools: 1, servers },
    }),
  ),
  ...[10, 100].map(pools =>
    scenario(`pools-${pools}`, `GET 100 B, ${CLIENTS} clients, ${pools} pools of 2 servers`, get, {
      fleet: { pools, servers: 2 },
    }),
  ),
  ...SCENARIOS.filter(({ name }) => name === 'workers'),
];
