// node bench/fan-out.ts [SUBSCRIBERS [MESSAGES [BYTES]]]
// What a message costs that many subscribers of one channel hear, in one worker: its CPU time and memory, and what one server
// takes for the same. The subscribers are in this process, so the times that pass say more of it than of either.
import { readFileSync } from 'node:fs';
import { freePort } from '../test/support/free-port.ts';
import { ManyListeners } from '../test/support/many-listeners.ts';
import { RawClient } from '../test/support/raw-client.ts';
import { startRedis } from '../test/support/redis-server.ts';
import { encodeCommand } from '../test/support/resp-reader.ts';
import { startRingmaster } from '../test/support/ringmaster.ts';

const [subscribers = 10_000, messages = 100, bytes = 100] = process.argv.slice(2).map(Number);
/** Of the system's clock that counts CPU time: USER_HZ is 100 on every Linux. */
const MS_PER_TICK = 10;

interface Cost {
  readonly cpuMs: number;
  readonly residentKib: number;
}

function costOf(pid: number): Cost {
  // After the name in parentheses, fields 14 and 15 of proc(5) are the 12th and 13th.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  const residentKib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK, residentKib };
}

async function measure(name: string, port: number, pid: number): Promise<void> {
  const idle = costOf(pid);
  const listeners = await ManyListeners.connect(port, subscribers);
  listeners.send(encodeCommand('SUBSCRIBE', 'a'));
  await listeners.allHave(Buffer.from('*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n'), 120_000);
  const publisher = await RawClient.connect(port, { timeoutMs: 120_000 });
  const before = costOf(pid);
  const text = 'x'.repeat(bytes);
  const wanted = Buffer.from(`*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$${bytes}\r\n${text}\r\n`);
  for (let i = 0; i < messages; i++) {
    const heard = await publisher.command('PUBLISH', 'a', text);
    if (heard !== subscribers) throw new Error(`${name}: PUBLISH was answered with ${heard}`);
    await listeners.allHave(wanted, 120_000);
  }
  const after = costOf(pid);
  const ofOneUs = ((after.cpuMs - before.cpuMs) * 1000) / (messages * subscribers);
  const memory = (before.residentKib - idle.residentKib) / subscribers;
  process.stdout.write(
    `${name}: ${ofOneUs.toFixed(2)} µs of CPU for each delivery, ${memory.toFixed(1)} KiB for each subscriber\n`,
  );
  publisher.destroy();
  listeners.close();
}

const server = await startRedis({ args: ['--maxclients', String(subscribers + 100)] });
const port = await freePort();
const config = `admin: false\npools:\n  p:\n    listen: 127.0.0.1:${port}\n    protocol: redis\n    servers: [127.0.0.1:${server.port}]\n`;
const ringmaster = await startRingmaster({ config, workers: 1 });
try {
  process.stdout.write(`${subscribers} subscribers of one channel, ${messages} messages of ${bytes} bytes\n`);
  await measure('ringmaster', port, ringmaster.workerPids()[0] as number);
  await measure('redis-server', server.port, server.pid);
} finally {
  await ringmaster.kill();
  await server.kill();
}
