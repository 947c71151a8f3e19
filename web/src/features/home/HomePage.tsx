import { Button, Group, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { problemText } from "../../api/problem";
import { Page } from "../../ui/Page";
import { Trouble } from "../../ui/Trouble";
import { useValue } from "../../ui/useValue";
import { useServices } from "../services";
import { MeetingList } from "./MeetingList";

/** Enough synthetic people to see what a room is. */
const DEMO_PARTICIPANTS = 3;

export function HomePage() {
  const { api, auth } = useServices();
  const navigate = useNavigate();
  const user = useValue(auth.user);
  const [busy, setBusy] = useState<"meeting" | "demo" | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const sessions = useInfiniteQuery({
    queryKey: ["sessions"],
    queryFn: ({ pageParam }) => api.sessions(pageParam ?? undefined),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  });
  const start = async (kind: "meeting" | "demo") => {
    setBusy(kind);
    setFailure(null);
    try {
      const room = await api.createRoom(kind === "demo" ? "Demo meeting" : undefined);
      if (kind === "demo") await api.startDemo(room.id, DEMO_PARTICIPANTS);
      await navigate(`/rooms/${room.id}`);
    } catch (error) {
      setFailure(problemText(error));
      setBusy(null);
    }
  };
  return (
    <Page
      title={`Hello, ${user?.name ?? ""}`}
      actions={
        <Button variant="default" h={40} onClick={() => void auth.signOut()} data-testid="sign-out">
          Sign out
        </Button>
      }
    >
      <Stack gap="xl">
        {failure !== null && <Trouble title="The meeting was not started">{failure}</Trouble>}
        <Group gap="md">
          <Button
            size="xl"
            loading={busy === "meeting"}
            disabled={busy !== null}
            onClick={() => void start("meeting")}
            data-testid="start-meeting"
          >
            Start a meeting
          </Button>
          <Button
            size="xl"
            variant="default"
            loading={busy === "demo"}
            disabled={busy !== null}
            onClick={() => void start("demo")}
            data-testid="start-demo"
          >
            Start a demo meeting
          </Button>
        </Group>
        <Text c="dimmed" size="sm" mt={-20}>
          A demo meeting has three synthetic people in it, so that you can look around alone.
        </Text>
        <section aria-labelledby="past">
          <h2 id="past" style={{ fontSize: 20 }}>
            Your meetings
          </h2>
          <MeetingList
            sessions={sessions.data?.pages.flatMap(({ items }) => items)}
            failure={sessions.error === null ? null : problemText(sessions.error)}
            onRetry={() => void sessions.refetch()}
          />
          {sessions.hasNextPage && (
            <Button variant="default" mt="md" loading={sessions.isFetchingNextPage} onClick={() => void sessions.fetchNextPage()}>
              Show older meetings
            </Button>
          )}
        </section>
      </Stack>
    </Page>
  );
}
