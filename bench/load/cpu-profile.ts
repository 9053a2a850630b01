// Reads a .cpuprofile of V8: how long a thread was in which function, in a window of time.
import { fileURLToPath } from 'node:url';

/** The part of V8's format that is read here. Times in microseconds of the system's monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly endTime: number;
  /** The node that was found at each sample. */
  readonly samples: readonly number[];
  /** From the sample before (or from `startTime`) to this one. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0. */
    readonly lineNumber: number;
  };
}

/** By `process.hrtime()`, in microseconds. */
export interface TimeWindow {
  readonly fromUs: number;
  readonly untilUs: number;
}

export interface SelfTime {
  readonly name: string;
  /** `src/proxy/router.ts:12`, `node:net:70`, or '' for what is not JavaScript. */
  readonly place: string;
  /** A folder of src/, `node:net`, `node:internal/streams`, a package, or what V8 calls what is not JavaScript. */
  readonly group: string;
  readonly us: number;
}

export interface SelfTimes {
  readonly samples: number;
  /** Each function once, the most expensive first. */
  readonly functions: readonly SelfTime[];
  /** Sums by group, the most expensive first. */
  readonly groups: readonly (readonly [group: string, us: number])[];
}

/** No sample for longer means that the thread had lost its core to another process. */
const GAP_US = 1000;
/** Functions in C++, which V8 shows without a file. */
const NATIVE = '(native functions)';
/** The worker sleeps, or libuv polls; with sockets of node:net it also reads then. */
export const IDLE = '(idle)';

/** Time in each function itself, without what it calls. `root`: the program's directory, with a slash at its end. */
export function selfTimes(profile: CpuProfile, window: TimeWindow, root: string): SelfTimes {
  const usByNode = new Map<number, number>();
  let samples = 0;
  let atUs = profile.startTime;
  profile.samples.forEach((node, i) => {
    atUs += profile.timeDeltas[i]!;
    if (atUs < window.fromUs || atUs > window.untilUs) return;
    samples++;
    usByNode.set(node, (usByNode.get(node) ?? 0) + Math.min(profile.timeDeltas[i]!, GAP_US));
  });
  const functions = new Map<string, SelfTime>();
  const groups = new Map<string, number>();
  for (const { id, callFrame } of profile.nodes) {
    const us = usByNode.get(id);
    if (us === undefined) continue;
    const { functionName, url, lineNumber } = callFrame;
    const name = functionName === '' ? '(anonymous)' : functionName;
    const file = shortName(url, root);
    const place = file === '' ? '' : `${file}:${lineNumber + 1}`;
    const group = groupOf(name, file);
    const key = `${name} ${place}`;
    functions.set(key, { name, place, group, us: us + (functions.get(key)?.us ?? 0) });
    groups.set(group, us + (groups.get(group) ?? 0));
  }
  return {
    samples,
    functions: [...functions.values()].sort((a, b) => b.us - a.us),
    groups: [...groups].sort((a, b) => b[1] - a[1]),
  };
}

function shortName(url: string, root: string): string {
  if (!url.startsWith('file:')) return url;
  const file = fileURLToPath(url);
  return file.startsWith(root) ? file.slice(root.length) : file;
}

function groupOf(name: string, file: string): string {
  if (file === '') return name.startsWith('(') && name !== '(anonymous)' ? name : NATIVE;
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file);
  if (dependency !== null) return dependency[1]!;
  // A folder, but node's single modules apart: node:net, node:internal/timers, and node:internal/streams for the three.
  const isFolder = file.startsWith('node:') ? file.split('/').length > 2 : file.includes('/');
  return isFolder ? file.slice(0, file.lastIndexOf('/')) : file;
}
