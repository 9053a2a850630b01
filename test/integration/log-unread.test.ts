// A log that nobody reads: the daemon starts, serves and stops all the same.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { askAdmin, metricOf } from '../support/admin-client.ts';
import { answering, replacedBy, startFakeBackend } from '../support/fake-backend.ts';
import { Fifo } from '../support/fifo.ts';
import { freePort, freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { redisRequest } from '../support/request-splitter.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const BAD_REPLIES = 2000;

/** A pool whose server answers well, and one whose server answers nonsense. */
async function wellAndBad(t: TestContext) {
  const well = await startFakeBackend(answering(redisRequest, () => '+OK\r\n'));
  const bad = await startFakeBackend(answering(redisRequest, () => '+OK\r\n', replacedBy('\x00garbage\r\n')));
  t.after(() => Promise.all([well.close(), bad.close()]));
  const [wellPort, badPort] = (await freePorts(2)) as [number, number];
  const adminPort = await freePort();
  const pool = (name: string, listen: number, server: number) =>
    `  ${name}:\n    listen: 127.0.0.1:${listen}\n    protocol: redis\n    servers: ['127.0.0.1:${server}']\n`;
  const config = `admin: 127.0.0.1:${adminPort}\npools:\n${pool('well', wellPort, well.port)}${pool('bad', badPort, bad.port)}`;
  return { config, wellPort, badPort, adminPort };
}

async function askBadly(port: number, times: number): Promise<void> {
  const client = await RawClient.connect(port);
  for (let i = 0; i < times; i++) await client.command('GET', 'k');
  client.destroy();
}

test('standard error is a full pipe: thousands of bad replies hold nobody up', async t => {
  const { config, wellPort, badPort, adminPort } = await wellAndBad(t);
  const fifo = new Fifo(t);
  fifo.fill();
  const ringmaster = await startRingmaster({ config, workers: 1, stderrFifo: fifo.path });
  t.after(() => ringmaster.kill());
  const client = await RawClient.connect(wellPort);
  t.after(() => client.destroy());
  const storm = askBadly(badPort, BAD_REPLIES);
  for (let i = 0; i < 100; i++) assert.equal(String(await client.command('GET', 'k')), 'OK');
  await storm;
  assert.equal(String(await client.command('GET', 'k')), 'OK');
  const heldBack = () => metricOf(adminPort, 'ringmaster_worker_log_lines_held_back_total');
  await waitFor(async () => (await heldBack()) > BAD_REPLIES / 2, { what: 'lines to be held back' });

  let log = '';
  await waitFor(
    () => {
      log += fifo.read();
      return log.includes('something that is not its protocol') && log.includes('ringmaster is ready');
    },
    { what: 'the lines that waited' },
  );
  await ringmaster.stop();
  assert.match(log + fifo.read(), /\d+ more like this: server answered something that is not its protocol/);
});

test('it stays full until the end: the daemon stops, with exit code 0', async t => {
  const { config, badPort } = await wellAndBad(t);
  const fifo = new Fifo(t);
  fifo.fill();
  const ringmaster = await startRingmaster({ config, workers: 2, stderrFifo: fifo.path });
  t.after(() => ringmaster.kill());
  await askBadly(badPort, 50);
  await ringmaster.stop();
});

test('the log file is a FIFO that nobody has opened: its lines wait for a reader', async t => {
  const { config, badPort, adminPort } = await wellAndBad(t);
  const fifo = new Fifo(t);
  const ringmaster = await startRingmaster({ config, workers: 1, args: ['-o', fifo.path] });
  t.after(() => ringmaster.kill());
  await askBadly(badPort, 50);
  assert.equal((await askAdmin(adminPort, '/healthz')).status, 200);
  let log = '';
  await waitFor(
    () => {
      log += fifo.read();
      return log.includes('something that is not its protocol');
    },
    { what: 'the lines' },
  );
  assert.match(log, /ringmaster is ready/);
  await ringmaster.stop();
});
