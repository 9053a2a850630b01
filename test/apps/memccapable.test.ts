// libmemcached's own check of a server: every command of text and of binary.
import { forEachMemcachedPool } from './support/memcached-pools.ts';
import { runCommand } from './support/program.ts';

forEachMemcachedPool('memccapable', appTest => {
  for (const [flag, protocol] of [
    ['-a', 'text'],
    ['-b', 'binary'],
  ] as const) {
    appTest(protocol, (t, { host, port }) =>
      runCommand(t, 'memccapable', ['-h', host, '-p', String(port), flag], /All tests passed/),
    );
  }
});
