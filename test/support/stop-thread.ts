/** Nothing of this process goes on for so long, as where the machine gives it no time. */
export function stopThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
