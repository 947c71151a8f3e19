import { Anchor, Badge, Button, Text } from "@mantine/core";
import { Link } from "react-router";
import type { SessionSummary } from "../../api/types";
import { countText, durationText, whenText } from "../../lib/format";
import { recordingsWords } from "../../state/recording-words";
import { Trouble } from "../../ui/Trouble";
import classes from "./MeetingList.module.css";

interface MeetingListProps {
  sessions: SessionSummary[] | undefined;
  failure: string | null;
  onRetry: () => void;
}

/** Meetings that were and that are, newest first. */
export function MeetingList({ sessions, failure, onRetry }: MeetingListProps) {
  if (failure !== null) {
    return (
      <Trouble title="The list could not be loaded">
        {failure}{" "}
        <Button size="xs" variant="default" onClick={onRetry}>
          Try again
        </Button>
      </Trouble>
    );
  }
  if (sessions === undefined) return <Text role="status">Loading</Text>;
  if (sessions.length === 0) return <Text c="dimmed">None yet. The first one you hold will stand here.</Text>;
  return (
    <ul className={classes.list} data-testid="session-list">
      {sessions.map((session) => (
        <MeetingRow key={session.id} session={session} />
      ))}
    </ul>
  );
}

function MeetingRow({ session }: { session: SessionSummary }) {
  const live = session.ended_at == null;
  const lasted = live ? null : new Date(session.ended_at ?? 0).getTime() - new Date(session.started_at).getTime();
  const recording = recordingsWords(session.recordings);
  return (
    <li className={classes.row} data-testid="session-item">
      <div className={classes.what}>
        <Anchor component={Link} to={live ? `/rooms/${session.room_id}` : `/sessions/${session.id}`} fw={600}>
          {session.title}
        </Anchor>
        <Text size="sm" c="dimmed">
          {whenText(session.started_at)}
          {lasted !== null && `, ${durationText(lasted)}`}
          {`, ${countText(session.participants, "person", "people")}`}
        </Text>
      </div>
      {live && (
        <Badge variant="filled" color="teal" tt="none">
          Going on now
        </Badge>
      )}
      <Badge variant="outline" tt="none" color={recording.tone} className={classes[recording.tone]}>
        {recording.text}
      </Badge>
    </li>
  );
}
