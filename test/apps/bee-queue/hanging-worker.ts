// A worker that says when it has a job, and never ends it:  hanging-worker.ts PORT PREFIX
import BeeQueue from 'bee-queue';

const [port, prefix] = process.argv.slice(2) as [string, string];
const queue = new BeeQueue('mail', { prefix, redis: { host: '127.0.0.1', port: Number(port) }, stallInterval: 1000 });
queue.process(() => {
  console.log('at work');
  return new Promise(() => {});
});
