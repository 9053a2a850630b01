// Event streams and scrapes beside clients; very many of them: npm run test:watchers.
import { test } from 'node:test';
import { watchDaemon } from '../support/watchers.ts';

test('a hundred event streams and a thousand scrapes disturb nobody', t =>
  watchDaemon(t, { streams: 100, scrapes: 1000 }));
