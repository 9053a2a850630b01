import { CLAIM_SECONDS } from '../../protocol/memcached/move-traits.ts';
import { Breaks } from '../breaks.ts';
import { KeyOwners, type PlacedServer, type Reached } from '../key-owners.ts';
import type { OrphanJob, Placements, Way } from '../mover-job.ts';
import { type MoveContext, MoveTrouble, type PassResult, type ProtocolMover } from '../protocol-mover.ts';
import { openAll } from '../server-connections.ts';
import { moveItem } from './item-move.ts';
import { type DumpedKey, dumpedKeys, whyUnlisted } from './key-dump.ts';
import { MemcachedConnection } from './memcached-connection.ts';
import { surveyMemcached } from './memcached-survey.ts';

const ANSWER_WITHIN_MS = 10_000;
/** Keys of a server that are kept for one walk: the next finds the rest. */
const KEYS_A_WALK = 200_000;
/** Servers count whole seconds. */
const CLOCK_SLOP_SECONDS = 2;
/** Under way at once between two servers. */
const AT_ONCE = 16;
/** By no more than what a step took, and by no more than this, a break is longer for each time that servers are slow. */
const BREAK_MAX_MS = 5;
const NOTHING = 'mn\r\n';

/** Moves the keys of a pool of memcached servers that their crawlers find, server by server beside each other. */
export const MEMCACHED_MOVER: ProtocolMover = {
  settleMs: (CLAIM_SECONDS + CLOCK_SLOP_SECONDS) * 1000,

  canTake: () => true,

  survey: surveyMemcached,

  async orphans({ from, to, isRemoving, unlisted }: OrphanJob) {
    const owners = new KeyOwners(from, to);
    return Promise.all(
      owners.servers.map(async (reached, server) => {
        const { text, isFrom } = reached;
        if (isFrom && unlisted.includes(text)) return { server: text, keys: 0 };
        const kept = isFrom ? null : await keysKept(from, reached);
        // All that is there, in one go.
        if (kept !== null) {
          if (kept > 0 && isRemoving) await flush(from, reached);
          return { server: text, keys: kept };
        }
        const orphans: Buffer[] = [];
        let keys = 0;
        for await (const { key } of dumpedKeys(from, reached)) {
          if (!owners.isOrphan(key, server)) continue;
          keys++;
          if (isRemoving) orphans.push(key);
        }
        await removeAll(from, owners, server, orphans);
        return { server: text, keys };
      }),
    );
  },

  /** What arrives late of an earlier mover does no harm, but that a server reads it first: each is asked something. */
  watch({ from, to }: Placements, withinMs: number) {
    const { servers } = new KeyOwners(from, to);
    const open = (server: PlacedServer) => MemcachedConnection.open(from, server, withinMs);
    const ask = (connection: MemcachedConnection) => connection.line(NOTHING);
    return openAll(servers, open, async connection => void (await connection.line('version\r\n')), ask);
  },

  async pass(way: Way, context: MoveContext): Promise<PassResult> {
    const owners = new KeyOwners(way.from, way.to, way.half);
    const found = await walkAll(way, owners, context);
    // The crawler may miss what changes its place: nothing is found twice before it is believed.
    return { found: found === 0 ? await walkAll(way, owners, context) : found, left: 0 };
  },
};

async function walkAll(placements: Placements, owners: KeyOwners, context: MoveContext): Promise<number> {
  const walks = owners.servers.map(({ isFrom, text }, server) =>
    isFrom && !context.unlisted.includes(text) ? walk(placements, owners, server, context) : 0,
  );
  let found = 0;
  // One that fails must not leave others walking behind it.
  for (const settled of await Promise.allSettled(walks)) {
    if (settled.status === 'rejected') throw settled.reason;
    found += settled.value;
  }
  return found;
}

async function walk(placements: Placements, owners: KeyOwners, server: number, context: MoveContext): Promise<number> {
  const byTarget = new Map<number, DumpedKey[]>();
  let found = 0;
  for await (const each of dumpedKeys(placements.from, owners.servers[server]!)) {
    context.onSeen(1);
    if (owners.from(each.key) !== server || owners.to(each.key) === server) continue;
    const target = owners.to(each.key);
    const keys = byTarget.get(target);
    if (keys === undefined) byTarget.set(target, [each]);
    else keys.push(each);
    if (++found === KEYS_A_WALK) break;
  }
  const breaks = new Breaks();
  for (const [target, keys] of byTarget) await moveAll(placements, owners, server, target, keys, context, breaks);
  return found;
}

async function moveAll(
  { from }: Placements,
  owners: KeyOwners,
  server: number,
  target: number,
  keys: readonly DumpedKey[],
  context: MoveContext,
  breaks: Breaks,
): Promise<void> {
  const open = (each: number) => MemcachedConnection.open(from, owners.servers[each]!, ANSWER_WITHIN_MS);
  const source = await open(server);
  try {
    const destination = await open(target);
    try {
      const seconds = Number((await destination.statistics()).get('time'));
      const readAtMs = performance.now();
      const clock = () => seconds + Math.floor((performance.now() - readAtMs) / 1000);
      const asks = [source, destination].map(connection => () => connection.line(NOTHING));
      const route = { source, target: destination, clock, isBack: context.isBack };
      for (let at = 0; at < keys.length; at += AT_ONCE) {
        const batch = keys.slice(at, at + AT_ONCE);
        await context.pace.take(batch.reduce((sum, { bytes }) => sum + bytes, 0));
        const startedAtMs = performance.now();
        const moved = await Promise.all(batch.map(({ key }) => moveItem(route, key)));
        const there = moved.filter(bytes => bytes >= 0);
        context.onMoved(
          there.length,
          there.reduce((sum, bytes) => sum + bytes, 0),
        );
        // They serve others meanwhile: only those that are slow are left alone.
        const unit = Math.min(performance.now() - startedAtMs, BREAK_MAX_MS);
        await breaks.take({ least: 0, unit }, asks);
      }
    } finally {
      destination.close();
    }
  } finally {
    source.close();
  }
}

/** How many keys a server has that can't list them; null: it can. */
async function keysKept(pool: Placements['from'], server: Reached): Promise<number | null> {
  const connection = await MemcachedConnection.open(pool, server, ANSWER_WITHIN_MS);
  try {
    if (whyUnlisted(await connection.statistics('settings')) === null) return null;
    return Number((await connection.statistics()).get('curr_items') ?? 0);
  } finally {
    connection.close();
  }
}

async function flush(pool: Placements['from'], server: Reached): Promise<void> {
  const connection = await MemcachedConnection.open(pool, server, ANSWER_WITHIN_MS);
  try {
    const answer = await connection.line('flush_all\r\n');
    if (answer !== 'OK') throw new MoveTrouble(`${connection.server} answers ${answer}`);
  } finally {
    connection.close();
  }
}

async function removeAll(
  pool: Placements['from'],
  owners: KeyOwners,
  server: number,
  keys: readonly Buffer[],
): Promise<void> {
  if (keys.length === 0) return;
  const connection = await MemcachedConnection.open(pool, owners.servers[server]!, ANSWER_WITHIN_MS);
  try {
    for (const key of keys) await connection.meta(Buffer.from(`md ${key.toString('base64')} b\r\n`));
  } finally {
    connection.close();
  }
}
