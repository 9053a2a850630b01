/** The part of a logger (pino's) that the data path uses. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** `log`, of which all but what is for debugging goes by `write`. */
export function logThrough(
  log: Log,
  write: (level: 'info' | 'warn' | 'error', fields: object, message: string) => void,
): Log {
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
  };
}

export interface LogConfig {
  readonly level: LogLevel;
  /** null: standard error. */
  readonly file: string | null;
}

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
