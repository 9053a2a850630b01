/** Runs changes one after the other: each begins when those before it are done, however they ended. */
export type InTurn = <T>(change: () => Promise<T>) => Promise<T>;

export function oneByOne(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return change => {
    const next = last.then(change);
    last = next.catch(() => {});
    return next;
  };
}
