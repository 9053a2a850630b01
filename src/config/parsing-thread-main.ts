import { parentPort, workerData } from 'node:worker_threads';
import type { PoolConfig } from './config.ts';
import { ConfigError } from './errors.ts';
import { parseConfigFile } from './load.ts';
import type { FromParser, ParsingJob } from './parsing-messages.ts';
import { Secrets } from './secrets.ts';

/** In one message; some milliseconds for who takes it. */
const SERVERS_PER_PART = 1000;

const say = (message: FromParser): void => parentPort!.postMessage(message);

function run({ text, fileName }: ParsingJob): void {
  const secrets = new Secrets(fileName);
  try {
    const { config } = parseConfigFile(text, fileName, secrets);
    let at = 0;
    parentPort!.on('message', () => {
      const pools = partFrom(config.pools, at);
      at += pools.length;
      say(pools.length === 0 ? { type: 'done' } : { type: 'pools', pools });
    });
    say({ type: 'read', config: { ...config, pools: [] }, secrets: secrets.taken });
  } catch (error) {
    // Thrown in there, it would come out as some Error.
    if (!(error instanceof ConfigError)) throw error;
    say({ type: 'problems', problems: error.problems });
  }
}

function partFrom(pools: readonly PoolConfig[], from: number): readonly PoolConfig[] {
  let to = from;
  for (let servers = 0; to < pools.length && servers < SERVERS_PER_PART; to++) servers += pools[to]!.servers.length;
  return pools.slice(from, to);
}

run(workerData as ParsingJob);
