// Decides how often a session's page asks again.

import type { SessionRecord } from "../../api/types";

const BUSY_MS = 1_000;
/** The addresses of files are signed for a limited time; whoever stays on the page gets new ones. */
const SETTLED_MS = 10 * 60_000;

/** Nothing about it will change by itself. */
export function isSettled(session: SessionRecord): boolean {
  return session.ended_at != null && session.recordings.every(({ status }) => status === "ready" || status === "failed");
}

/** Every second until everything is made, then seldom. */
export function pollEveryMs(session: SessionRecord | undefined): number {
  return session !== undefined && isSettled(session) ? SETTLED_MS : BUSY_MS;
}
