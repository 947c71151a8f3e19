import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { Cell, EMPTY_ROOM, type Room } from "@client";
import { clockTimeText } from "../../lib/format";
import type { RoomView } from "../../state/room-view";
import { RecordingTrouble } from "./RecordingTrouble";

const HOUR_MS = 3_600_000;
/** By the clock of whoever reads it. */
const SINCE_MS = 1_795_000_060_000;

function show(clockOffsetMs: number): void {
  const room: Room = {
    ...EMPTY_ROOM,
    clockOffsetMs,
    recording: {
      recording: "recording",
      started_by: "Ada",
      started_at_ms: SINCE_MS + clockOffsetMs - HOUR_MS,
      trouble: { reason: "disk_full", since_ms: SINCE_MS + clockOffsetMs },
    },
  };
  render(<RecordingTrouble room={{ isHost: true, session: { room: new Cell(room) } } as unknown as RoomView} />);
}

afterEach(cleanup);

test.each([
  ["right", 0],
  ["an hour behind the node's", HOUR_MS],
  ["an hour ahead of the node's", -HOUR_MS],
])("since when nothing is recorded is said by the host's clock, which is %s", (_, clockOffsetMs) => {
  show(clockOffsetMs);
  expect(screen.getByRole("alert").textContent).toContain(`Nothing is recorded since ${clockTimeText(SINCE_MS)}:`);
});
