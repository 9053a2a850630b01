const ROUNDS = 9;
const ROUND_MS = 12;
const HEAP_CALLS = 20_000;

/** What one benchmarked call costs. */
export interface Cost {
  /** Nanoseconds per call, the median of the rounds. */
  readonly nsPerCall: number;
  /** Bytes of heap per call; a fraction of a byte is the measuring itself. */
  readonly bytesPerCall: number;
}

/**
 * Times `run(calls)`, which must make that many calls of what is measured and use their results. Warms up, sizes a
 * round to about 12 ms and takes the median of nine.
 */
export function measure(run: (calls: number) => void): Cost {
  let calls = 1;
  for (;;) {
    const ms = timeMs(run, calls);
    if (ms >= ROUND_MS) break;
    calls = Math.ceil(calls * Math.min(10, Math.max(1.2, ROUND_MS / Math.max(ms, 0.01))));
  }
  const rounds = Array.from({ length: ROUNDS }, () => (timeMs(run, calls) * 1e6) / calls).sort((a, b) => a - b);
  return { nsPerCall: rounds[ROUNDS >> 1]!, bytesPerCall: bytesPerCall(run, Math.min(calls, HEAP_CALLS)) };
}

function timeMs(run: (calls: number) => void, calls: number): number {
  const from = process.hrtime.bigint();
  run(calls);
  return Number(process.hrtime.bigint() - from) / 1e6;
}

/** The least of some tries: few enough calls that no collection comes between, which would make the figure negative. */
function bytesPerCall(run: (calls: number) => void, calls: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const before = process.memoryUsage().heapUsed;
    run(calls);
    const bytes = process.memoryUsage().heapUsed - before;
    if (bytes >= 0) least = Math.min(least, bytes / calls);
  }
  return least;
}

/** Prints rows under a head, the first column to the left, numbers to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map(row => row[i]!.length)));
  for (const row of [head, ...rows]) {
    console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '));
  }
}
