import { randomUUID } from 'node:crypto';

const PREFIX = 'ringmaster:reshard-probe:';
const OF_PROBES = /^ringmaster:reshard-probe:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const BYTES = PREFIX.length + randomUUID().length;

/** One that nobody has, to be set for a moment: by it is tried what a server can do. */
export function probeKey(): string {
  return PREFIX + randomUUID();
}

/** Whether it is one, perhaps of another proxy that looks at the same servers right now. */
export function isProbeKey(key: Buffer): boolean {
  return key.length === BYTES && OF_PROBES.test(key.toString('latin1'));
}
