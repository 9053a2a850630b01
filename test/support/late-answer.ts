/** What a client reads when a worker was held up and so did not answer the others in time: nothing that can be compared. */
export const LATE_ANSWER = '-ERR not all workers of Ringmaster have answered in time\r\n';

/** Whether that is among these replies. */
export function hasLateAnswer(replies: string): boolean {
  return replies.includes(LATE_ANSWER);
}
