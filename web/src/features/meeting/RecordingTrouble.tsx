import type { RoomView } from "../../state/room-view";
import { clockTimeText } from "../../lib/format";
import { troubleTodo, troubleWords } from "../../state/recording-trouble";
import { WarningIcon } from "../../ui/icons";
import { useValue } from "../../ui/useValue";
import classes from "./Room.module.css";

/** To a host: that nothing is recorded now, why, and what to do. Everyone else sees it at the recording mark. */
export function RecordingTrouble({ room }: { room: RoomView }) {
  const { recording, clockOffsetMs } = useValue(room.session.room);
  const trouble = recording?.trouble;
  if (!room.isHost || trouble === undefined) return null;
  return (
    <div className={classes.trouble} role="alert" data-testid="recording-trouble">
      <WarningIcon />
      <p className={classes.troubleWords}>
        <strong>
          Nothing is recorded since {clockTimeText(trouble.since_ms - clockOffsetMs)}: {troubleWords(trouble.reason)}.
        </strong>{" "}
        The meeting goes on, and so will the recording once the disk takes it. {troubleTodo(trouble.reason)}
      </p>
    </div>
  );
}
