import { Button, Group, Text } from "@mantine/core";
import { Link } from "react-router";
import type { LeftReason } from "@client";
import type { Meeting } from "../../state/meeting";
import { leftWords } from "../../state/words";
import { Page } from "../../ui/Page";

interface LeftScreenProps {
  meeting: Meeting;
  reason: LeftReason;
  sessionId: string | null;
}

/** After the room: why, and where to go from here. */
export function LeftScreen({ meeting, reason, sessionId }: LeftScreenProps) {
  const { what, todo } = leftWords(reason);
  const canReturn = reason !== "ended" && reason !== "removed";
  return (
    <Page title={what} width="narrow" testId="meeting-over">
      <Text mb="lg">{todo}</Text>
      <Group>
        {reason === "outdated" && <Button onClick={() => window.location.reload()}>Load again</Button>}
        {canReturn && reason !== "outdated" && (
          <Button onClick={() => void meeting.comeBack()} data-testid="come-back">
            Join again
          </Button>
        )}
        {sessionId !== null && (
          <Button component={Link} to={`/sessions/${sessionId}`} variant="default" data-testid="open-session">
            See the record of the meeting
          </Button>
        )}
        {sessionId !== null && (
          <Button component={Link} to="/" variant="default">
            All meetings
          </Button>
        )}
      </Group>
    </Page>
  );
}
