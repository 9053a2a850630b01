// The command that changes the ring of a fleet, as an operator gives it, and what goes wrong meanwhile.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { ReshardStatus } from '../../src/master/reshard/reshard-status.ts';
import { childPids } from '../support/child.ts';
import { runRingmaster } from '../support/ringmaster.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';
import { type FleetRing, type ReshardFleet, ringText } from './reshard-fleet.ts';

const COMMAND_TIMEOUT_MS = 180_000;
const AGAIN_MS = 500;
const MOST_TRIES = 30;
const LONGEST_FREEZE_MS = 1500;

/** `ringmaster reshard start`, until it has been done: a try that is refused because something is down is made again. */
export async function reshardTo(fleet: ReshardFleet, ring: FleetRing): Promise<void> {
  const file = fleet.writeConfig(fleet.proxies[0]!, ring);
  const admins = fleet.proxies.map(({ adminPort }) => `127.0.0.1:${adminPort}`).join(',');
  const args = ['reshard', 'start', file, '--admin', admins, '--wait'];
  let said = '';
  for (let i = 0; i < MOST_TRIES; i++) {
    const { code, stdout, stderr } = await runRingmaster(args, { timeoutMs: COMMAND_TIMEOUT_MS });
    if (code === 0) return;
    said = `${stdout}\n${stderr}`;
    // It is done, and nobody heard that it was begun.
    if (/nothing to|no ring changes|same ring/i.test(said)) return;
    await delay(AGAIN_MS);
  }
  throw new Error(`no reshard to ${ringText(ring)}: ${said}\n${fleet.proxies[0]!.ringmaster.stderr().slice(-4000)}`);
}

/**
 * The same, but taken back once it moves keys; where it is done before that it stays done. What a fault is in the way of is tried
 * again.
 */
export async function reshardAndBack(fleet: ReshardFleet, ring: FleetRing): Promise<void> {
  const file = fleet.writeConfig(fleet.proxies[0]!, ring);
  const admins = fleet.proxies.map(({ adminPort }) => `127.0.0.1:${adminPort}`).join(',');
  const [first] = admins.split(',') as [string];
  const told = async (...args: string[]) => {
    const { code, stdout, stderr } = await runRingmaster(['reshard', ...args], { timeoutMs: COMMAND_TIMEOUT_MS });
    return { isDone: code === 0, said: `${stdout}\n${stderr}` };
  };
  let said = '';
  for (let i = 0; i < MOST_TRIES; i++) {
    const started = await told('start', file, '--admin', admins, '--pace', '1kb/s');
    said = started.said;
    if (started.isDone || /one at a time|same ring/.test(said)) break;
    await delay(AGAIN_MS);
  }
  await untilMoving(fleet);
  for (let i = 0; i < MOST_TRIES; i++) {
    const back = await told('abort', '--admin', first, '--wait');
    said += back.said;
    // Or it has ended, one way or the other.
    if (back.isDone || /nothing is being resharded/.test(back.said)) return;
    await delay(AGAIN_MS);
  }
  throw new Error(`${ringText(ring)} were not taken back: ${said}`);
}

/** Or it is over. */
async function untilMoving({ proxies }: ReshardFleet): Promise<void> {
  const look = async () => {
    const answer = await fetch(`http://127.0.0.1:${proxies[0]!.adminPort}/api/v1/reshard`).catch(() => null);
    const { reshard } = ((await answer?.json()) ?? { reshard: undefined }) as Partial<ReshardStatus>;
    if (reshard === undefined) return false;
    return reshard === null || reshard.phase === 'over' || (reshard.plan?.keysMoved ?? 0) > 0;
  };
  await waitFor(look, { what: 'keys that move', timeoutMs: COMMAND_TIMEOUT_MS });
}

export type ReshardFault = 'worker' | 'mover' | 'frozen server' | 'frozen worker' | 'server' | 'proxy';

/** Makes one of these happen; `say` hears which. */
export function reshardFaults(
  kinds: readonly ReshardFault[],
  say: (line: string) => void = () => {},
): (fleet: ReshardFleet, random: SeededRandom) => Promise<void> {
  return async (fleet, random) => {
    const kind = random.pick(kinds);
    const { ringmaster } = random.pick(fleet.proxies);
    say(`  ${kind}`);
    switch (kind) {
      case 'worker':
        for (const pid of random.sample(workersOf(ringmaster.pid), 1)) signal(pid, 'SIGKILL');
        return;
      case 'mover':
        for (const each of fleet.proxies) {
          for (const pid of childPids(each.ringmaster.pid).filter(isMover)) signal(pid, 'SIGKILL');
        }
        return;
      case 'frozen worker':
        for (const pid of random.sample(workersOf(ringmaster.pid), 1)) {
          signal(pid, 'SIGSTOP');
          await delay(random.between(0, LONGEST_FREEZE_MS));
          signal(pid, 'SIGCONT');
        }
        return;
      case 'frozen server': {
        const server = random.pick(fleet.servers);
        server.freeze();
        await delay(random.between(0, LONGEST_FREEZE_MS));
        server.thaw();
        return;
      }
      case 'server':
        await fleet.restartServer(random.between(0, fleet.servers.length - 1));
        return;
      case 'proxy':
        await fleet.restartProxy(random.between(0, fleet.proxies.length - 1));
    }
  };
}

function workersOf(master: number): number[] {
  return childPids(master).filter(pid => !isMover(pid));
}

function isMover(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('mover');
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
