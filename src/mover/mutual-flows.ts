import type { KeyOwners } from './key-owners.ts';

/** Of a change that moves a thousandth of the keys from one server to another, some twenty are among them. */
const TRIED_KEYS = 20_000;

/** Whether keys move in a circle: servers of it would wait for each other, if each gave a key away at the same time. */
export function isMutual(owners: KeyOwners): boolean {
  const targets = owners.servers.map(() => new Set<number>());
  for (let i = 0; i < TRIED_KEYS; i++) {
    const key = Buffer.from(`ringmaster:${Math.imul(i, 0x9e3779b1) >>> 0}:${i}`);
    const [from, to] = [owners.from(key), owners.to(key)];
    if (from !== to) targets[from]!.add(to);
  }
  const left = new Set(targets.keys());
  // Whoever gives to nobody that is left is in no circle.
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const server of left) if (![...targets[server]!].some(target => left.has(target))) left.delete(server);
  }
  return left.size > 0;
}
