/** A process has at most 2^22 as its number on Linux, so that all is exact in a double. */
const CLIENTS_PER_PROCESS = 2 ** 24;

/** The number of this worker's client `count`: unique among the workers that live. Redis's clients have 64-bit numbers. */
export function clientId(count: number): number {
  return process.pid * CLIENTS_PER_PROCESS + (count % CLIENTS_PER_PROCESS);
}
