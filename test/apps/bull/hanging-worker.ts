// A worker that says when it has a job, and never ends it:  hanging-worker.ts PORT PREFIX
import Queue from 'bull';

const [port, prefix] = process.argv.slice(2) as [string, string];
const queue = new Queue('mail', {
  redis: { host: '127.0.0.1', port: Number(port) },
  prefix,
  settings: { lockDuration: 2000, stalledInterval: 500 },
});
void queue.process(() => {
  console.log('at work');
  return new Promise(() => {});
});
