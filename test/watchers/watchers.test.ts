import { test } from 'node:test';
import { watchDaemon } from '../support/watchers.ts';

test('1,000 event streams and 100,000 scrapes disturb nobody, and nothing grows', t =>
  watchDaemon(t, { streams: 1000, scrapes: 100_000 }));
