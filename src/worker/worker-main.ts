import cluster from 'node:cluster';
import { runWorker } from './worker.ts';

if (cluster.worker === undefined) {
  process.stderr.write('ringmaster: this file is started by the master\n');
  process.exit(1);
}
runWorker(cluster.worker);
