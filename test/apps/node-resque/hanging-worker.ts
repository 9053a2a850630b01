// A worker that says when it has a job, and never ends it:  hanging-worker.ts PORT NAMESPACE
import { Worker } from 'node-resque';

const [port, namespace] = process.argv.slice(2) as [string, string];
const connection = { pkg: 'ioredis', host: '127.0.0.1', port: Number(port), namespace, database: 0 };
const perform = () => {
  console.log('at work');
  return new Promise(() => {});
};
const worker = new Worker({ connection, queues: ['mail'], timeout: 20, name: 'hanging' }, {
  note: { perform },
} as never);
await worker.connect();
await worker.start();
