import type { Session } from "@client";
import { clockText } from "../../lib/format";
import { troubleWords } from "../../state/recording-trouble";
import { WarningIcon } from "../../ui/icons";
import { useNow } from "../../ui/useNow";
import { useValue } from "../../ui/useValue";
import classes from "./Room.module.css";

/** That the meeting is recorded, since when, and who started it; or that it cannot be, and why. */
export function RecordingBadge({ session }: { session: Session }) {
  const { recording, clockOffsetMs } = useValue(session.room);
  const now = useNow();
  if (recording === null) return null;
  const { trouble } = recording;
  if (trouble !== undefined) {
    return (
      <p className={classes.recordingStopped} data-testid="rec-indicator" data-trouble={trouble.reason}>
        <WarningIcon size={16} />
        <strong>Not recording</strong> <span className={classes.startedBy}>{troubleWords(trouble.reason)}</span>
      </p>
    );
  }
  const elapsed = clockText(now + clockOffsetMs - recording.started_at_ms);
  return (
    <p className={classes.recording} data-testid="rec-indicator">
      <span className={classes.dot} aria-hidden="true" />
      <strong>REC</strong> <span className={classes.elapsed}>{elapsed}</span>{" "}
      <span className={classes.startedBy}>started by {recording.started_by}</span>
    </p>
  );
}
