import { Button, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { problemText } from "../../api/problem";
import type { Recording } from "../../api/types";
import { useServices } from "../services";

/** Has the files of a failed recording made again: what was recorded is kept until they are. */
export function RetryButton({ recording }: { recording: Recording }) {
  const { api } = useServices();
  const queries = useQueryClient();
  const retry = useMutation({
    mutationFn: () => api.retryRecording(recording.id),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["session", recording.session_id] }),
  });
  return (
    <>
      <Button variant="default" h={40} mt="sm" loading={retry.isPending} onClick={() => retry.mutate()} data-testid="retry-recording">
        Try again
      </Button>
      {retry.error !== null && (
        <Text role="alert" size="sm" mt="xs">
          {problemText(retry.error)}
        </Text>
      )}
    </>
  );
}
