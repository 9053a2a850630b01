// Python's clients: pylibmc in text and binary, pymemcache in text, bmemcached in binary.
import { forEachMemcachedPool } from './support/memcached-pools.ts';
import { runProgram } from './support/program.ts';

forEachMemcachedPool('python-memcached', appTest => {
  for (const client of ['pylibmc-text', 'pylibmc-binary', 'pymemcache', 'bmemcached']) {
    appTest(client, (t, { port }) =>
      runProgram(t, 'python', 'python-memcached', ['scenarios.py', String(port), client]),
    );
  }
});
