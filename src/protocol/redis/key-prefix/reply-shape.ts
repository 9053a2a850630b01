// Where in a reply the names of keys or channels stand.
/** Nowhere: it is passed on as it is. */
export const SHAPE_PLAIN = 0;
/** Nowhere, but perhaps in an error. */
export const SHAPE_ERROR = 1;
/** It is a name, or null. */
export const SHAPE_NAME = 2;
/** An array of names. */
export const SHAPE_NAMES = 3;
/** An array whose first element is a name, or null. */
export const SHAPE_FIRST = 4;
/** An array of a name and something else by turns. */
export const SHAPE_PAIRS = 5;
/** A cursor, and an array of names. */
export const SHAPE_SCAN = 6;
/** XREAD's: in RESP2 an array of SHAPE_FIRST, in RESP3 a map by names. */
export const SHAPE_STREAMS = 7;
/** EXEC's: an array whose elements each have a shape of their own. */
export const SHAPE_RUN = 8;
export type ReplyShape = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** Of element `index` of an array, or of the keys and values of a map by turns, that has the shape `shape`. */
export function shapeOfElement(
  shape: ReplyShape,
  index: number,
  isMap: boolean,
  ofRun: readonly ReplyShape[],
): ReplyShape {
  switch (shape) {
    case SHAPE_NAMES:
      return SHAPE_NAME;
    case SHAPE_FIRST:
      return index === 0 ? SHAPE_NAME : SHAPE_PLAIN;
    case SHAPE_PAIRS:
      return index % 2 === 0 ? SHAPE_NAME : SHAPE_PLAIN;
    case SHAPE_SCAN:
      return index === 1 ? SHAPE_NAMES : SHAPE_PLAIN;
    case SHAPE_STREAMS:
      if (!isMap) return SHAPE_FIRST;
      return index % 2 === 0 ? SHAPE_NAME : SHAPE_PLAIN;
    case SHAPE_RUN:
      return ofRun[index] ?? SHAPE_PLAIN;
    default:
      return SHAPE_PLAIN;
  }
}
