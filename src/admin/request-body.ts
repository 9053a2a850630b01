import type { IncomingMessage } from 'node:http';

const MAX_BODY_BYTES = 64 * 1024;

/** The request has no body that can be used; the status and the sentence that say why. */
export class BodyError extends Error {
  readonly status: 400 | 413 | 415;

  constructor(status: 400 | 413 | 415, message: string) {
    super(message);
    this.status = status;
  }
}

/** What a request brings, as JSON; null: nothing. Rejects with a BodyError, and when the client goes away. */
export async function readJsonBody(request: IncomingMessage, maxBytes = MAX_BODY_BYTES): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new BodyError(413, `a request has ${maxBytes} bytes at most`);
    pieces.push(piece);
  }
  if (bytes === 0) return null;
  // What a page of another site can send without being asked for permission is not JSON by its name.
  if (!/^application\/(?:merge-patch\+)?json\b/i.test(request.headers['content-type'] ?? '')) {
    throw new BodyError(415, 'the body must be JSON, with the header "Content-Type: application/json"');
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString());
  } catch (error) {
    throw new BodyError(400, `the body is not JSON: ${(error as Error).message}`);
  }
}
