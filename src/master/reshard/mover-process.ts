import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromMover, MoverJob, ToMover } from '../../mover/mover-job.ts';

const ENTRY = fileURLToPath(new URL(`../../mover/mover-main${extname(import.meta.filename)}`, import.meta.url));

/** A process that does one job beside the master, which stays free for its workers. */
export class MoverProcess {
  readonly pid: number | undefined;
  /** Its last message; or why there is none. */
  readonly ended: Promise<FromMover>;
  private readonly exited: Promise<void>;
  private readonly child: ChildProcess;

  constructor(job: MoverJob, onProgress: (message: FromMover) => void = () => {}) {
    const child = fork(ENTRY, [], { execArgv: ['--no-warnings'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.child = child;
    this.pid = child.pid;
    const ended = Promise.withResolvers<FromMover>();
    const exited = Promise.withResolvers<void>();
    this.ended = ended.promise;
    this.exited = exited.promise;
    child.on('message', (message: FromMover) => {
      if (message.type === 'progress') onProgress(message);
      else ended.resolve(message);
    });
    child.on('error', error => {
      ended.resolve({ type: 'failed', why: error.message });
      exited.resolve();
    });
    child.on('exit', (code, signal) => {
      exited.resolve();
      const why = signal === null ? `the mover exited with code ${code}` : `the mover was ended by ${signal}`;
      // What it said last may not be read yet.
      const give = () => setImmediate(() => ended.resolve({ type: 'failed', why }));
      if (child.connected) child.once('disconnect', give);
      else give();
    });
    this.tell(job);
  }

  tell(message: MoverJob | ToMover): void {
    if (this.child.connected) this.child.send(message, () => {});
  }

  /** Resolves when it is gone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}
