import path from 'node:path';

/** What a setting of `Kind.isPath` names, relative to the directory of the configuration file. */
export function locatedIn(directory: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(each => locatedIn(directory, each));
  return typeof value === 'string' ? path.resolve(directory, value) : value;
}
