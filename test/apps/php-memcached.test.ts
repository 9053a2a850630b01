// php-memcached in binary and text, and PHP's sessions with locking.
import assert from 'node:assert/strict';
import { forEachMemcachedPool } from './support/memcached-pools.ts';
import { runProgram, startProgram } from './support/program.ts';

forEachMemcachedPool('php-memcached', appTest => {
  for (const protocol of ['binary', 'text']) {
    appTest(protocol, (t, { port }) =>
      runProgram(t, 'php', 'php-memcached', ['scenarios.php', String(port), protocol]),
    );

    appTest(`sessions with locking, ${protocol}: four processes count without loss`, async (t, { host, port }) => {
      const settings = {
        'session.save_handler': 'memcached',
        'session.save_path': `${host}:${port}`,
        'session.use_strict_mode': 0,
        'memcached.sess_locking': 1,
        'memcached.sess_lock_wait_min': 5,
        'memcached.sess_lock_wait_max': 20,
        'memcached.sess_lock_retries': 4000,
        'memcached.sess_binary_protocol': protocol === 'binary' ? 1 : 0,
      };
      const flags = Object.entries(settings).flatMap(([key, value]) => ['-d', `${key}="${value}"`]);
      const counts = await Promise.all(
        Array.from({ length: 4 }, async () => {
          const child = startProgram(t, 'php', 'php-memcached', [...flags, 'count-in-session.php', 'shared', '10']);
          const { code } = await child.exit(40_000);
          assert.equal(code, 0, child.diagnosis());
          return Number(child.stdout());
        }),
      );
      assert.equal(Math.max(...counts), 40);
    });
  }
});
