/** A start that failed; the message is for the operator, on one line. */
export class StartError extends Error {}

/** What was asked for can't be had now, and nothing has changed; the message is a sentence for the operator. */
export class RefusedError extends Error {}

/** A listen address that can't be had; the message is a sentence for the operator. */
export class ListenError extends RefusedError {}

/** It has begun and is not done everywhere; the message is a sentence for the operator. */
export class IncompleteError extends Error {}
