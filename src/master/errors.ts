/** A start that failed; the message is for the operator, on one line. */
export class StartError extends Error {}

/** What was asked for can't be had now, and nothing has changed; the message is a sentence for the operator. */
export class RefusedError extends Error {}

/** A listen address that can't be had; the message is a sentence for the operator. */
export class ListenError extends RefusedError {
  /** The system's word for the reason; null: it is no word of the system's. */
  readonly code: string | null;

  constructor(message: string, code: string | null = null) {
    super(message);
    this.code = code;
  }
}

/** It has begun and is not done everywhere; the message is a sentence for the operator. */
export class IncompleteError extends Error {}
