// Dalli, as Rails' mem_cache_store uses it, in binary (its default before 4) and meta.
import { forEachMemcachedPool } from './support/memcached-pools.ts';
import { runProgram } from './support/program.ts';

forEachMemcachedPool('dalli', appTest => {
  for (const protocol of ['binary', 'meta']) {
    appTest(protocol, (t, { port }) => runProgram(t, 'ruby', 'dalli', ['scenarios.rb', String(port), protocol]));
  }
});
