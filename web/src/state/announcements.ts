// What a screen reader is told, and the short notes on the stage, when the room changes. Pure.

import type { ParticipantId, RecordingNotice } from "@client";
import type { Person } from "./people";
import { TROUBLE_OVER, troubleBegins } from "./recording-trouble";

export interface Moment {
  people: readonly Person[];
  recording: RecordingNotice | null;
  /** Whose pictures are left out for now because one's own network is slow. */
  paused?: ReadonlySet<ParticipantId>;
  /** A host is told of a recording's trouble by a banner of its own. */
  host?: boolean;
}

/** More names than this are counted instead. */
const MOST_NAMES = 3;

/** The sentences for what changed from one moment to the next. */
export function announcements(before: Moment, now: Moment): string[] {
  const said: string[] = [];
  const was = new Map(before.people.map((person) => [person.id, person]));
  const is = new Map(now.people.map((person) => [person.id, person]));
  const others = (people: Iterable<Person>) => [...people].filter((person) => !person.self);
  const came = others(is.values()).filter(({ id }) => !was.has(id));
  const went = others(was.values()).filter(({ id }) => !is.has(id));
  if (came.length > 0) said.push(`${names(came)} joined.`);
  if (went.length > 0) said.push(`${names(went)} left.`);
  for (const person of others(is.values())) {
    const earlier = was.get(person.id);
    if (earlier === undefined) continue;
    if (person.lost && !earlier.lost) said.push(`${person.name}'s connection is interrupted.`);
    if (!person.lost && earlier.lost) said.push(`${person.name} is back.`);
    if (person.screen === "live" && earlier.screen !== "live") said.push(`${person.name} shares a screen.`);
    if (person.screen !== "live" && earlier.screen === "live") said.push(`${person.name} stopped sharing.`);
  }
  const pausedNow = others(is.values()).filter(({ id }) => now.paused?.has(id) === true);
  const newlyPaused = pausedNow.filter(({ id }) => before.paused?.has(id) !== true);
  if (newlyPaused.length > 0) said.push(`Your network is slow: no picture of ${names(newlyPaused)} for now.`);
  if (pausedNow.length === 0 && (before.paused?.size ?? 0) > 0) said.push("All pictures are back.");
  if (now.recording !== null && before.recording === null) {
    said.push(`${now.recording.started_by} started recording this meeting.`);
  }
  if (now.recording === null && before.recording !== null) said.push("Recording stopped.");
  const earlierTrouble = before.recording?.trouble;
  const trouble = now.recording?.trouble;
  if (trouble !== undefined && trouble.reason !== earlierTrouble?.reason && now.host !== true) {
    said.push(troubleBegins(trouble.reason));
  }
  if (trouble === undefined && earlierTrouble !== undefined && now.recording !== null) said.push(TROUBLE_OVER);
  return said;
}

function names(people: readonly Person[]): string {
  if (people.length > MOST_NAMES) return `${people.length} people`;
  const all = people.map(({ name }) => name);
  return all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} and ${all.at(-1)}`;
}
