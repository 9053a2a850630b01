import path from 'node:path';
import type { Command } from 'commander';
import type { UpgradeResult } from '../master/upgrade/upgrade.ts';
import { addDaemonCommand, runDaemonCommand } from './daemon-command.ts';

/** Adds `upgrade`. */
export function addUpgrade(program: Command): void {
  addDaemonCommand(program, 'upgrade', 'have a new master take the place of the running one, without a lost connection')
    .option('--exec <path>', 'its main file (default: the path that the running one was started by)')
    .option('--timeout <duration>', 'it has so long to serve; else the running one stays (default: 30s)')
    .action((flags: { exec?: string; timeout?: string }, command: Command) => {
      const { exec, timeout } = flags;
      // The daemon may have been started elsewhere.
      const body = {
        ...(exec !== undefined && { exec: path.resolve(exec) }),
        ...(timeout !== undefined && { timeout }),
      };
      return runDaemonCommand(command, { method: 'POST', path: '/api/v1/upgrade', body, text: upgradedText });
    });
}

function upgradedText({ pid, oldPid, version, oldVersion, tookMs }: UpgradeResult): string {
  const versions = version === oldVersion ? `still version ${version}` : `version ${oldVersion} to ${version}`;
  return `upgraded: ${versions}; process ${pid} serves after ${tookMs} ms, process ${oldPid} drains\n`;
}
