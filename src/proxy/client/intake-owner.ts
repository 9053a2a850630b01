/** The client that is read from. */
export interface IntakeOwner {
  /** It takes requests again after a pause. */
  onResumed(): void;
  /** It has another account from its next request on, or none; or has not become whom a place was kept for. */
  onSignedIn(): void;
  /** Cuts the connection. */
  destroy(): void;
}
