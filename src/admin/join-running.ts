/**
 * `run`, but never twice at a time: who asks while it runs gets the same answer. It keeps what asking costs
 * independent of how many ask.
 */
export function joinRunning<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  return () => {
    running ??= run().finally(() => {
      running = null;
    });
    return running;
  };
}
