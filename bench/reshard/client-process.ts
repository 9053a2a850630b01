import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ClientJob, PartResult } from './client-job.ts';

const ENTRY = fileURLToPath(new URL('clients.ts', import.meta.url));

/** The process of clients.ts. */
export class ClientProcess {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
    child.on('exit', code => {
      if (code !== 0) throw new Error(`the clients ended with code ${code}`);
    });
  }

  /** Resolves when its clients are at work. */
  static async start(job: ClientJob): Promise<ClientProcess> {
    const process = new ClientProcess(fork(ENTRY, [], { execArgv: ['--no-warnings'] }));
    process.child.send(job);
    await once(process.child, 'message');
    return process;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** From now on it is the run's part of this name; resolves with what the part before was like. */
  async next(part: string): Promise<PartResult> {
    const result = once(this.child, 'message');
    this.child.send({ part });
    return (await result)[0] as PartResult;
  }

  stop(): void {
    this.child.removeAllListeners('exit');
    this.child.kill('SIGKILL');
  }
}
