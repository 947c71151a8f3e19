// A stay in a room for tests: what the API and the node say when somebody comes.

import { Capture } from "../capture";
import { AUDIO_SLOTS, VIDEO_SLOTS } from "../connection";
import type { MediaDevicesLike } from "../devices";
import type { Scope } from "../lib/scope";
import type { NodeMessage, Slot } from "../protocol/signal.gen";
import type { Session, Ticket } from "../session";
import { type FakeBrowser, FakeMediaDevices, type FakeSocket } from "./fakes";

export const TICKET: Ticket = { url: "ws://node/rtc", grant: "first", iceServers: [] };
export const JOINED: Extract<NodeMessage, { type: "joined" }> = {
  type: "joined",
  you: "me",
  room: "room",
  participants: [],
  recording: null,
  resume_key: "key",
  resumed: false,
  server_time_ms: 0,
  reconnect_within_ms: 300,
};
/** The receive lines behind four send lines. */
export const SLOTS: Slot[] = Array.from({ length: AUDIO_SLOTS + VIDEO_SLOTS }, (_, i) => ({
  slot: String(i + 4),
  kind: i < AUDIO_SLOTS ? "audio" : "video",
}));

export function newCapture(scope: Scope): Capture {
  return new Capture(scope, new FakeMediaDevices() as unknown as MediaDevicesLike, {
    cameraId: null,
    microphoneId: null,
    soundProcessing: true,
  });
}

/** Brings the session into the room. */
export async function joinRoom(session: Session, browser: FakeBrowser, answer: Partial<typeof JOINED> = {}): Promise<FakeSocket> {
  session.join(TICKET);
  await browser.pass(0);
  const socket = browser.lastSocket;
  socket.onopen?.();
  socket.says(1, { ...JOINED, ...answer });
  await browser.pass(0);
  socket.says(2, { type: "answer", revision: 1, sdp: "answer", slots: SLOTS });
  browser.lastPeer.becomes("connected");
  await browser.pass(0);
  return socket;
}
