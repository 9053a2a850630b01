import type { ConnectedHost } from './mover-job.ts';

/** Who has the connections `hosts`, one entry each; those with most first. `here`: under which addresses this host asks. */
export function connectedHosts(hosts: readonly string[], here: ReadonlySet<string>): ConnectedHost[] {
  const counts = new Map<string, number>();
  for (const host of hosts) counts.set(host, (counts.get(host) ?? 0) + 1);
  return [...counts]
    .map(([host, connections]) => ({ host, connections, isHere: here.has(host) }))
    .sort((a, b) => b.connections - a.connections);
}
