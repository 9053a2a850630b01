import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';

/** A name that was just looked up is not looked up again: a server that is away is tried many times a second. */
const KEPT_MS = 1000;
/** Names come from the configuration, so there are seldom more. */
const KEPT_MAX = 4096;

interface Kept {
  readonly atMs: number;
  readonly addresses: readonly LookupAddress[];
}

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

const kept = new Map<string, Kept>();

/** As node's `dns.lookup`, in the shape that `net.connect` wants; what it finds is kept for a second. */
export function lookupName(name: string, options: LookupOptions, callback: LookupCallback): void {
  const known = kept.get(name);
  if (known !== undefined && performance.now() - known.atMs < KEPT_MS) {
    // `net.connect` must have returned before it hears.
    setImmediate(answer, known.addresses, options, callback);
    return;
  }
  lookup(name, { ...options, all: true }, (error, addresses) => {
    if (error !== null) {
      kept.delete(name);
      callback(error, []);
      return;
    }
    if (kept.size >= KEPT_MAX) kept.clear();
    kept.set(name, { atMs: performance.now(), addresses });
    answer(addresses, options, callback);
  });
}

function answer(addresses: readonly LookupAddress[], { all }: LookupOptions, callback: LookupCallback): void {
  const [first] = addresses;
  if (all === true) callback(null, [...addresses]);
  else callback(null, first?.address ?? '', first?.family ?? 0);
}
