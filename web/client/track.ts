// The text form of a track's identity: `{participant}:{source}`.

import type { ParticipantId, Source, TrackId } from "./protocol/signal.gen";

export function trackId(participant: ParticipantId, source: Source): TrackId {
  return `${participant}:${source}`;
}

export function participantOf(track: TrackId): ParticipantId {
  return track.slice(0, track.indexOf(":"));
}

export function sourceOf(track: TrackId): Source {
  return track.slice(track.indexOf(":") + 1) as Source;
}
