import { request } from 'node:http';
import { parsePrometheusText } from './prometheus-text.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly text: string;
  /** The text as JSON. Throws when it is none. */
  json<T = Record<string, unknown>>(): T;
}

export interface AdminRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly host?: string;
  /** Sent as JSON. */
  readonly body?: object;
}

/** Asks the admin server on a port of 127.0.0.1. */
export function askAdmin(port: number, path: string, options: AdminRequest = {}): Promise<AdminAnswer> {
  const { method = 'GET', host = '127.0.0.1', body } = options;
  const headers = { ...options.headers, ...(body !== undefined && { 'content-type': 'application/json' }) };
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path, method, headers, agent: false }, response => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode!, text, json: () => JSON.parse(text) }));
    });
    asked.on('error', reject);
    asked.end(body && JSON.stringify(body));
  });
}

/** POST */
export function postAdmin(port: number, path: string, headers: Record<string, string> = {}): Promise<AdminAnswer> {
  return askAdmin(port, path, { method: 'POST', headers });
}

/** The sum over all series of a metric whose labels include these. */
export async function metricOf(port: number, name: string, labels: Record<string, string> = {}): Promise<number> {
  const { text } = await askAdmin(port, '/metrics');
  const samples = parsePrometheusText(text).get(name)?.samples ?? [];
  const matching = samples.filter(sample =>
    Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  return matching.reduce((sum, { value }) => sum + value, 0);
}
