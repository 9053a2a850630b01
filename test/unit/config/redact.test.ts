import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { redactConfig } from '../../../src/config/redact.ts';

test('a redacted configuration says that there is a password, not which', () => {
  const pool = (name: string, port: number, more = '') =>
    `  ${name}: { listen: 'h:${port}', protocol: redis, servers: ['h:1']${more} }\n`;
  const config = parseConfig(
    `admin_token: geheim\npools:\n${pool('a', 1, ', redis_auth: geheim')}${pool('b', 2)}`,
    'f',
  );
  const redacted = redactConfig(config);
  assert.doesNotMatch(JSON.stringify(redacted), /geheim/);
  assert.equal(redacted.adminToken, '<redacted>');
  assert.deepEqual(
    redacted.pools.map(({ redisAuth }) => redisAuth),
    ['<redacted>', null],
  );
  assert.equal(config.pools[0]?.redisAuth, 'geheim');
});
