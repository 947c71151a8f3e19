import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { Problem } from "../../api/problem";
import type { Recording } from "../../api/types";
import { type Services, ServicesContext } from "../services";
import { RecordingSection } from "./RecordingSection";

const FAILED: Recording = {
  id: "recording",
  room_id: "room",
  session_id: "session",
  status: "failed",
  started_by: "Ada",
  started_at: null,
  ended_at: null,
  progress_percent: null,
  problem: "The film could not be made.",
  files: [],
  health: null,
};

/** The section of `recording`, and how often its session's page was asked to look again. */
function show(recording: Recording, retryRecording: (id: string) => Promise<Recording>) {
  const queries = new QueryClient();
  const again = vi.spyOn(queries, "invalidateQueries");
  render(
    <MantineProvider>
      <QueryClientProvider client={queries}>
        <ServicesContext.Provider value={{ api: { retryRecording } } as unknown as Services}>
          <RecordingSection recording={recording} number={null} />
        </ServicesContext.Provider>
      </QueryClientProvider>
    </MantineProvider>,
  );
  return again;
}

afterEach(cleanup);

test("a failed recording is tried again by a button, and the page looks again", async () => {
  const retry = vi.fn(async () => ({ ...FAILED, status: "finishing" as const }));
  const again = show(FAILED, retry);
  fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await waitFor(() => expect(again).toHaveBeenCalledWith({ queryKey: ["session", "session"] }));
  expect(retry.mock.calls).toEqual([["recording"]]);
});

test("a refusal is said in words", async () => {
  const again = show(FAILED, async () => {
    throw new Problem("recorder_unavailable", 503, "The recorder cannot be reached");
  });
  fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect((await screen.findByText("The recorder cannot be reached")).getAttribute("role")).toBe("alert");
  expect(again).not.toHaveBeenCalled();
});

test("a recording that did not fail has no such button", () => {
  show({ ...FAILED, status: "finishing", problem: null }, async () => FAILED);
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
});
