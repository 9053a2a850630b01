// What telling durations, slow requests and hot keys costs each request: nanoseconds and heap bytes, of each part and of all.
// Run: node bench/micro/request-figures.ts
import { PoolCommands } from '../../src/figures/command-times.ts';
import { ServerTimes } from '../../src/figures/server-times.ts';
import { Clock } from '../../src/loop/clock.ts';
import { Turn } from '../../src/loop/turn.ts';
import { redisProtocol } from '../../src/protocol/redis/redis.ts';
import { KeyTrail } from '../../src/proxy/insight/key-trail.ts';
import { ReplyTimer } from '../../src/proxy/insight/reply-timer.ts';
import { TrafficWatch } from '../../src/proxy/insight/traffic-watch.ts';
import { Request } from '../../src/request/request.ts';
import { RequestBytes } from '../../src/request/request-bytes.ts';
import { sharedBuffer } from '../../src/system/copy.ts';
import { measure, printTable } from './measure.ts';

const KEY_BYTES = 24;
const REQUEST = Buffer.from(`*2\r\n$3\r\nget\r\n$${KEY_BYTES}\r\n${'k'.repeat(KEY_BYTES)}\r\n`);
REQUEST.copy(sharedBuffer);
const parser = redisProtocol.createParser({ poolName: 'p', version: '0', maxRequestBytes: 2 ** 20, password: null });
parser.parse(redisProtocol.createSession(1), sharedBuffer, 0, REQUEST.length);
const keyStart = parser.keyStarts[0] as number;
const bytes = new RequestBytes().set(sharedBuffer, 0, REQUEST.length, null);
const turn = new Turn();
const clock = new Clock(turn);
const client = { clientLabel: '127.0.0.1:1', askedRequests: 0, trafficBytes: 0, seenRequests: 0, seenBytes: 0 };

const commands = new PoolCommands();
const trail = new KeyTrail();
const timer = new ReplyTimer(clock, turn);
const times = new ServerTimes();
const watches = [0, 100].map(sampleOneIn => {
  const watch = new TrafficWatch(clock);
  watch.configure({ sampleOneIn, hidesKeys: false });
  return watch;
});
let sink = 0;

function each(act: (i: number) => number): (calls: number) => void {
  return calls => {
    let mixed = 0;
    for (let i = 0; i < calls; i++) mixed ^= act(i);
    sink ^= mixed;
  };
}

/** A request of a pipeline of 16: all of one were read, written and answered at the same times. */
const inPipeline = (i: number) => i >> 4;

const parts: readonly (readonly [string, (i: number) => number])[] = [
  ['nothing', i => i],
  ['a request object, for comparison', i => new Request(null, i & 7).part],
  ['its command, mixed', i => commands.of((i & 3) === 0 ? 'set' : 'get').name.length],
  ['its command, in pipelines', i => commands.of((i & 31) === 0 ? 'set' : 'get').name.length],
  ['its key', () => trail.keep(bytes, keyStart, keyStart + KEY_BYTES)],
  ['traffic, off', () => seen(watches[0] as TrafficWatch)],
  ['traffic, one in 100', () => seen(watches[1] as TrafficWatch)],
  ['time of the server', i => served(i)],
  ['time of the server, in pipelines', i => served(inPipeline(i))],
  ['time of the reply', i => replied(i)],
  ['time of the reply, in pipelines', i => replied(inPipeline(i))],
];

function seen(watch: TrafficWatch): number {
  watch.onRequest(client, parser, bytes, REQUEST.length, 1);
  return client.askedRequests;
}

function served(i: number): number {
  times.record(i & 127, 200 + (i & 1023));
  return i;
}

const get = commands.of('get');
function replied(i: number): number {
  timer.settled(get, i | 0);
  return i;
}

const rows = parts.map(([name, act]) => {
  const { nsPerCall, bytesPerCall } = measure(each(act));
  return [name, nsPerCall.toFixed(1), bytesPerCall.toFixed(1)];
});
printTable(['', 'ns', 'heap B/call'], rows);
process.exitCode = sink === 0.5 ? 1 : 0;
