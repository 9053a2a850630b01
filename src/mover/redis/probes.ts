import type { KeyOwners, Reached } from '../key-owners.ts';
import type { KeyFlow, SurveyJob } from '../mover-job.ts';
import { probeKey } from '../probe-key.ts';
import { type ProbeResult, probeMigration } from './migration.ts';
import type { RedisConnection } from './redis-connection.ts';

/** A server that answers. */
export interface Probed {
  readonly connection: RedisConnection;
  readonly runId: string;
}

/**
 * What speaks against moving keys, by moving one of nobody's from each source to each target that gets some, and back as an
 * abort would. One after the other: two servers that move keys to each other wait for each other. `servers`: by index of
 * `owners.servers`; null: it does not answer.
 */
export async function probed(
  { from: pool }: SurveyJob,
  owners: KeyOwners,
  servers: readonly (Probed | null)[],
  database: number,
  flows: readonly KeyFlow[],
): Promise<{ readonly obstacles: string[]; readonly warnings: string[] }> {
  const [obstacles, warnings]: [string[], string[]] = [[], []];
  for (const { source, target } of pairsOf(owners, flows)) {
    const [here, there] = [servers[source], servers[target]];
    if (!here || !there || here.runId === there.runId) continue;
    const [from, to] = [owners.servers[source]!, owners.servers[target]!];
    const move = async (giving: Probed, taking: Probed, target: Reached): Promise<ProbeResult> => {
      const key = Buffer.from(probeKey());
      try {
        for (const { connection } of [giving, taking]) await connection.need('SELECT', database);
        const result = await probeMigration(
          { source: giving.connection, destination: null, pool, target, database },
          key,
        );
        if (result === 'moved') await taking.connection.ask('DEL', key);
        if (typeof result === 'string') return result;
        return { why: result.why + (await tlsHint(giving.connection, pool.tls?.servers != null)) };
      } catch (error) {
        return { why: (error as Error).message };
      }
    };
    const result = await move(here, there, to);
    if (result === 'untried') warnings.push(`${from.text} is full: whether it can move keys was not tried`);
    else if (result !== 'moved') obstacles.push(`${from.text} cannot move a key to ${to.text}: ${result.why}`);
    if (result !== 'moved') continue;
    if ('path' in from.address) {
      warnings.push(`${from.text}: MIGRATE knows no unix sockets: once keys move, an abort is refused`);
      continue;
    }
    const back = await move(there, here, from);
    // What has moved leaves it the memory to move back.
    if (typeof back === 'string' || back.why.includes('OOM')) continue;
    obstacles.push(`${to.text} cannot move a key back to ${from.text}: ${back.why}`);
  }
  return { obstacles: [...new Set(obstacles)], warnings: [...new Set(warnings)] };
}

/** By indexes of servers. */
function pairsOf({ servers }: KeyOwners, flows: readonly KeyFlow[]): { source: number; target: number }[] {
  return servers.flatMap((from, source) =>
    servers.flatMap((to, target) => {
      if (!from.isFrom || !to.isTo || source === target) return [];
      // Where the sample saw nothing, only a server that has no keys yet is worth a try.
      const isWanted = !to.isFrom || flows.some(flow => flow.from === from.text && flow.to === to.text);
      return isWanted ? [{ source, target }] : [];
    }),
  );
}

/** Whether MIGRATE speaks TLS is a setting of the server's, whatever clients speak; without it all it says is that it failed. */
async function tlsHint(connection: RedisConnection, isTls: boolean): Promise<string> {
  const reply = await connection.ask('CONFIG', 'GET', 'tls-cluster');
  const speaksTls = Array.isArray(reply) && String(reply[1]) === 'yes';
  if (isTls && !speaksTls) return ' (its MIGRATE speaks TLS only with `tls-cluster yes`)';
  return !isTls && speaksTls ? ' (with `tls-cluster yes` its MIGRATE speaks TLS to all)' : '';
}
