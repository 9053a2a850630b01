// What a limiter says of a transaction that came whole.
export const WHOLE_FITS = 0;
/** Its client is woken when there may be enough. */
export const WHOLE_WAITS = 1;
/** There is never so much at once, as things are. */
export const WHOLE_TOO_MUCH = 2;
export type WholeFit = typeof WHOLE_FITS | typeof WHOLE_WAITS | typeof WHOLE_TOO_MUCH;
