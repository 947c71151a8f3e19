// Decides how often a session's page asks again.

import type { SessionRecord } from "../../api/types";

const BUSY_MS = 1_000;

/** Nothing about it will change by itself. */
export function isSettled(session: SessionRecord): boolean {
  return session.ended_at != null && session.recordings.every(({ status }) => status === "ready" || status === "failed");
}

/** Every second until everything is made; signed addresses then stay as they are while one watches. */
export function pollEveryMs(session: SessionRecord | undefined): number | false {
  return session !== undefined && isSettled(session) ? false : BUSY_MS;
}
