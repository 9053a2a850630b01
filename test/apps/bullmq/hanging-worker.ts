// A worker that says when it has a job, and never ends it:  hanging-worker.ts PORT PREFIX
import { Worker } from 'bullmq';

const [port, prefix] = process.argv.slice(2) as [string, string];
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };
new Worker(
  'mail',
  () => {
    console.log('at work');
    return new Promise(() => {});
  },
  { connection, prefix, lockDuration: 2000, stalledInterval: 500 },
);
