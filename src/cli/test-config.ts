import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/errors.ts';
import { loadConfig } from '../config/load.ts';

/** `-t`: says on standard error what is wrong with the file, or that nothing is. Returns the exit code. */
export function testConfig(path: string): number {
  let config: Config;
  try {
    config = loadConfig(path);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\nringmaster: configuration file '${path}' is not valid\n`);
    return 1;
  }
  const servers = config.pools.reduce((sum, pool) => sum + pool.servers.length, 0);
  process.stderr.write(
    `ringmaster: configuration file '${path}' is valid: ${config.pools.length} pools, ${servers} servers\n`,
  );
  return 0;
}
