import { CertificateError, readAdminTls, withTlsFiles } from '../config/certificates.ts';
import { ConfigError } from '../config/errors.ts';
import { loadConfig } from '../config/load.ts';
import { PasswordFileError, withUsers } from '../config/pool-users.ts';

/**
 * `-t`: says on standard error what is wrong with the file, or that nothing is, in twemproxy's words, which scripts look
 * for. Returns the exit code.
 */
export function testConfig(path: string): number {
  try {
    const config = loadConfig(path);
    for (const pool of withUsers(config)) withTlsFiles(pool);
    readAdminTls(config.adminTls);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof CertificateError || error instanceof PasswordFileError))
      throw error;
    process.stderr.write(`${error.message}\nringmaster: configuration file '${path}' syntax is invalid\n`);
    return 1;
  }
  process.stderr.write(`ringmaster: configuration file '${path}' syntax is ok\n`);
  return 0;
}
