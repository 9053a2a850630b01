// Numbers as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export function count(value) {
  return value >= 100 || value === 0 ? whole.format(value) : short.format(value);
}

/** Of microseconds; nothing was timed: a dash. */
export function duration(us) {
  if (us === undefined || us === 0) return '–';
  if (us < 1000) return `${short.format(us)} µs`;
  return us < 1e6 ? `${short.format(us / 1000)} ms` : `${short.format(us / 1e6)} s`;
}

export function bytes(value) {
  const units = ['B', 'KB', 'MB', 'GB'];
  let size = value;
  while (size >= 1000 && units.length > 1) {
    size /= 1024;
    units.shift();
  }
  return `${short.format(size)} ${units[0]}`;
}

/** Of milliseconds. */
export function span(ms) {
  if (ms < 1000) return `${whole.format(ms)} ms`;
  if (ms < 120_000) return `${whole.format(ms / 1000)} s`;
  return ms < 7_200_000 ? `${whole.format(ms / 60_000)} min` : `${whole.format(ms / 3_600_000)} h`;
}

/** The part of what was asked for that was there; nothing was: a dash. */
export function hitRatio(hits, misses) {
  return hits + misses === 0 ? '–' : percent(hits / (hits + misses));
}

export function percent(share) {
  return `${short.format(share * 100)} %`;
}

/** The time of day here. */
export function time(at) {
  return new Date(at).toLocaleTimeString('en-GB');
}
