// The API's answers by the names that the pages use.

export interface User {
  id: string;
  name: string;
  email: string;
  role: string;
}

export interface AuthAnswer {
  access_token: string;
  expires_at: string;
  user: User;
}

export interface RoomView {
  id: string;
  title: string;
  created_at: string;
  invite_url: string;
  status: "idle" | "live" | "ended";
  session_id?: string | null;
}

export interface RecordingBy {
  started_by: string;
  started_at: string;
}

export interface Invitation {
  room_id: string;
  title: string;
  status: "idle" | "live" | "ended";
  recording?: RecordingBy | null;
  participants: number;
}

export interface IceServer {
  urls: string[];
  username?: string | null;
  credential?: string | null;
}

export interface JoinAnswer {
  grant: string;
  url: string;
  ice_servers: IceServer[];
  participant_id: string;
  role: "host" | "member" | "guest" | "observer";
  rejoin: string;
  recording?: RecordingBy | null;
  session_id: string;
  title: string;
}

export interface RecordingFile {
  kind: string;
  url: string;
  bytes: number;
  sha256: string;
  content_type: string;
  track?: string | null;
  name?: string | null;
}

export interface MissingStretch {
  track: string;
  from_ms: number;
  to_ms: number;
}

export interface RecordingHealth {
  duration_ms: number;
  packets_recorded: number;
  packets_lost_on_network: number;
  entries_missing: number;
  gaps: MissingStretch[];
  largest_av_skew_ms?: number | null;
}

export interface Recording {
  id: string;
  room_id: string;
  session_id: string;
  status: string;
  started_by: string;
  started_at: string;
  ended_at?: string | null;
  progress_percent?: number | null;
  problem?: string | null;
  files: RecordingFile[];
  health?: RecordingHealth | null;
}

export interface SessionParticipant {
  participant_id: string;
  name: string;
  role: string;
  joined_at: string;
  left_at?: string | null;
}

export interface SessionSummary {
  id: string;
  room_id: string;
  title: string;
  started_at: string;
  ended_at?: string | null;
  recordings?: Recording[];
}

export interface SessionRecord extends SessionSummary {
  participants: SessionParticipant[];
  recordings: Recording[];
}

export interface Page<T> {
  items: T[];
  next?: string | null;
}
