// The API's answers by the names that the pages use; their shape is generated.

import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type User = Schemas["User"];
export type AuthAnswer = Schemas["AuthAnswer"];
export type RoomView = Schemas["Room"];
export type Invitation = Schemas["Invite"];
export type JoinAnswer = Schemas["JoinAnswer"];
export type JoinWishes = Schemas["JoinRequest"];
export type Recording = Schemas["Recording"];
export type RecordingStatus = Schemas["RecordingStatus"];
export type RecordingFile = Schemas["RecordedFile"];
export type RecordingHealth = Schemas["RecordingHealth"];
export type SessionSummary = Schemas["SessionSummary"];
export type SessionRecord = Schemas["Session"];
export type SetupRequest = Schemas["SetupRequest"];
