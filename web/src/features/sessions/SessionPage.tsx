// The record of a meeting: when, who, and its recordings. Asked for every second while something
// is still being made.

import { Button, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { problemText } from "../../api/problem";
import type { SessionRecord } from "../../api/types";
import { durationText, whenText } from "../../lib/format";
import { Page } from "../../ui/Page";
import { Trouble } from "../../ui/Trouble";
import { Waiting } from "../../ui/Waiting";
import { useServices } from "../services";
import { isSettled, pollEveryMs } from "./polling";
import { RecordingSection } from "./RecordingSection";

export function SessionPage() {
  const { api } = useServices();
  const { id = "" } = useParams();
  const query = useQuery({
    queryKey: ["session", id],
    queryFn: () => api.session(id),
    refetchInterval: ({ state }) => pollEveryMs(state.data),
  });
  if (query.data === undefined && query.error !== null) {
    return (
      <Page title="This meeting could not be shown" width="narrow" testId="session-failed">
        <Trouble>{problemText(query.error)}</Trouble>
      </Page>
    );
  }
  if (query.data === undefined) return <Waiting text="Looking for the meeting" />;
  return <SessionView session={query.data} />;
}

function SessionView({ session }: { session: SessionRecord }) {
  const { started_at, ended_at } = session;
  const lasted = ended_at == null ? null : new Date(ended_at).getTime() - new Date(started_at).getTime();
  return (
    <Page
      title={session.title}
      width="wide"
      testId="session"
      actions={
        <Button component={Link} to="/" variant="default" h={40}>
          All meetings
        </Button>
      }
    >
      <Text c="dimmed" mb="lg">
        {whenText(started_at)}
        {lasted === null ? ", going on now" : `, ${durationText(lasted)}`}
      </Text>
      {session.recordings.length === 0 && (
        <Text mb="xl" data-testid="session-status">
          {isSettled(session) ? "This meeting was not recorded." : "No recording yet."}
        </Text>
      )}
      {session.recordings.map((recording, i) => (
        <RecordingSection key={recording.id} recording={recording} number={session.recordings.length > 1 ? i + 1 : null} />
      ))}
      <Participants session={session} />
    </Page>
  );
}

function Participants({ session }: { session: SessionRecord }) {
  return (
    <section aria-labelledby="participants">
      <h2 id="participants">Participants</h2>
      <Table.ScrollContainer minWidth={300} type="native" tabIndex={0} role="region" aria-label="Participants, table">
        <Table data-testid="participants">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Name</Table.Th>
              <Table.Th>Role</Table.Th>
              <Table.Th>Came</Table.Th>
              <Table.Th>Left</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {session.participants.map((who) => (
              <Table.Tr key={`${who.participant_id} ${who.joined_at}`}>
                <Table.Td>{who.name}</Table.Td>
                <Table.Td>{who.role}</Table.Td>
                <Table.Td>{timeText(who.joined_at)}</Table.Td>
                <Table.Td>{who.left_at == null ? "still there" : timeText(who.left_at)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}

function timeText(rfc3339: string): string {
  return new Date(rfc3339).toLocaleTimeString(undefined, { timeStyle: "medium" });
}
