// The browser media SDK of Colloquy. No React, no pages: wire a `Capture` and a `Session`, read
// their values, act through their functions, end their scope.
//
//   const scope = new Scope();
//   const capture = new Capture(scope, navigator.mediaDevices, wishes);
//   const session = new Session({ browser: realBrowser(), scope, capture, renew });
//   session.join(ticket);

export { type Browser, realBrowser, type Socket } from "./browser";
export { Capture, type Captured, type CaptureWishes, trackState } from "./capture";
export { type ConnectionState } from "./connection";
export { VIDEO_CODECS, type VideoCodec } from "./encodings";
export { type Device, type DeviceProblem, Devices, type MediaDevicesLike } from "./devices";
export { LevelMeter } from "./levels";
export { Scope } from "./lib/scope";
export { Cell, derive, follow, Happening, type Value } from "./lib/value";
export type * from "./protocol/signal.gen";
export { EMPTY_ROOM, type Room } from "./room";
export { type LeftReason, type Notice, type Place, Session, SessionOver, type SessionState, type Ticket } from "./session";
export type { Voice } from "./slots";
export { isWeak, type NetworkFigures } from "./stats";
export { participantOf, sourceOf, trackId } from "./track";
export type { Shown } from "./want";
