import { SERIES_KINDS, SERIES_SHAPES } from '../figures/series.ts';

/*
 * A worker's figures on their way to the master: what changed since the last report, in bytes (figures/bytes.ts).
 *
 *   report:  format │ records …
 *   record:  SERIES  number │ kind │ pool │ name          from here on the number stands for it
 *            NUMBERS number │ count │ count × (field │ value)
 *            TIMES   number │ which │ packed histogram     durations since the last report
 *            GONE    number                                it is reported no more: its gauges are void
 *
 * A counter's value is what it grew by, others are as they are. So the master needs to know nothing of a worker to add up,
 * and nothing that was reported is lost with it.
 */
export const RECORD_SERIES = 1;
export const RECORD_NUMBERS = 2;
export const RECORD_TIMES = 3;
export const RECORD_GONE = 4;

/** Says what the numbers in a report stand for: another version of the program has other fields, and another format. */
export const REPORT_FORMAT = formatOf(JSON.stringify(SERIES_KINDS.map(kind => [kind, SERIES_SHAPES[kind]])));

/** 32-bit FNV-1a (RFC 9923, "The FNV Non-Cryptographic Hash Algorithm"). */
function formatOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
