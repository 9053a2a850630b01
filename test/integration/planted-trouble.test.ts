// The questions of a bad night, each answered from the command line alone and from /metrics alone. The page: test/page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { plantTrouble, TROUBLE, type TroubledSystem } from '../support/planted-trouble.ts';
import { parsePrometheusText } from '../support/prometheus-text.ts';
import { runRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const { pool, lateServer, hotKey, hotShare, floodName, setting, settingValue } = TROUBLE;
const OTHERS = ['server-0', 'server-1', 'server-2', 'server-3'].filter(name => name !== lateServer);

test('from the command line', async t => {
  const system = await plantTrouble(t);
  const cli = async (...args: string[]) => (await runRingmaster([...args, '-c', system.daemon.configFile])).stdout;

  await waitFor(
    async () => {
      const { servers } = JSON.parse(await cli('servers', '--json')) as {
        servers: { server: string; p50Us: number }[];
      };
      const p50Us = (name: string) => servers.find(({ server }) => server === name)!.p50Us;
      return OTHERS.every(name => p50Us(lateServer) >= 20_000 && p50Us(name) > 0 && p50Us(name) < p50Us(lateServer));
    },
    { what: 'the late server', timeoutMs: 30_000 },
  );
  assert.match(await cli('servers'), new RegExp(`^cache +${lateServer} +in .* ms +\\S+ m?s$`, 'm'));
  assert.match(await cli('slowlog', '-n', '1000'), new RegExp(` ${lateServer} `));

  await waitFor(
    async () => {
      const [key] = JSON.parse(await cli('hotkeys', '--json')).pools[0].keys;
      return key?.item === hotKey;
    },
    { what: 'the hot key' },
  );
  assert.match(await cli('hotkeys', '-n', '1'), new RegExp(`^ {2}${hotKey} +\\d+\\.\\d\\d %`, 'm'));

  await untilMatch(() => cli('busyclients', '-n', '1'), new RegExp(`:\\d+ ${floodName} `), 'the client that floods');
  assert.match(await cli('clients', '-n', '1'), new RegExp(` ${floodName} +default `));

  assert.match(await cli('events'), new RegExp(`setting_changed +by=night-shift from 127.0.0.1 setting=${setting}`));
  assert.match(await cli('diff', '--running'), new RegExp(`${setting}.*${settingValue}`));
});

test('from /metrics', async t => {
  const system = await plantTrouble(t);
  const startedAtS = Date.now() / 1000;
  await waitFor(
    async () => {
      const { sum, metrics } = await scrape(system);
      const mean = (server: string) => {
        const name = 'ringmaster_server_request_duration_seconds';
        return sum(name, { pool, server }, `${name}_sum`) / sum(name, { pool, server }, `${name}_count`);
      };
      const isLate = OTHERS.every(name => mean(lateServer) > 0.02 && mean(name) < mean(lateServer));
      // The flood asks for other keys: what is looked at counts all.
      const hot = sum('ringmaster_pool_hottest_key_samples', { pool }) / sum('ringmaster_pool_sampled_keys', { pool });
      const busiest =
        sum('ringmaster_pool_busiest_client_requests', { pool }) / sum('ringmaster_pool_watched_requests', { pool });
      const changedAtS = sum('ringmaster_event_last_timestamp_seconds', { event: 'setting_changed' });
      assert.ok(metrics.get('ringmaster_events_total'));
      assert.equal(sum('ringmaster_settings_set', {}), 1);
      assert.ok(changedAtS > startedAtS - 60 && changedAtS <= Date.now() / 1000);
      return isLate && hot > HOT_LEAST && hot < hotShare + 0.2 && busiest > 1 / 8;
    },
    { what: 'all that is wrong', timeoutMs: 30_000 },
  );
});

/** The flood asks more than the readers do; of a key that nobody favours there would be a ten-thousandth. */
const HOT_LEAST = 0.005;

async function untilMatch(text: () => Promise<string>, expected: RegExp, what: string): Promise<void> {
  await waitFor(async () => expected.test(await text()), { what, timeoutMs: 30_000 });
}

async function scrape({ adminPort }: TroubledSystem) {
  const metrics = parsePrometheusText((await askAdmin(adminPort, '/metrics')).text);
  const sum = (family: string, labels: Readonly<Record<string, string>>, name = family): number => {
    const samples = metrics.get(family)?.samples ?? [];
    return samples
      .filter(sample => sample.name === name && Object.entries(labels).every(([key, is]) => sample.labels[key] === is))
      .reduce((total, { value }) => total + value, 0);
  };
  return { metrics, sum };
}
