import { Anchor, Progress, Text } from "@mantine/core";
import type { Recording } from "../../api/types";
import { whenText } from "../../lib/format";
import { healthWords, statusWords } from "../../state/recording-words";
import { CheckIcon, WarningIcon } from "../../ui/icons";
import { Trouble } from "../../ui/Trouble";
import { FileList } from "./FileList";
import { Player } from "./Player";
import { RetryButton } from "./RetryButton";
import classes from "./Session.module.css";

interface RecordingSectionProps {
  recording: Recording;
  /** Set where a meeting has several. */
  number: number | null;
}

export function RecordingSection({ recording, number }: RecordingSectionProps) {
  const composed = recording.files.find(({ kind }) => kind === "composed");
  const heading = `recording-${recording.id}`;
  return (
    <section aria-labelledby={heading} className={classes.section} data-testid="recording" data-status={recording.status}>
      <h2 id={heading}>{number === null ? "Recording" : `Recording ${number}`}</h2>
      <Status recording={recording} />
      {composed !== undefined && <Player key={composed.sha256} file={composed} />}
      {recording.health != null && <Health recording={recording} />}
      <FileList files={recording.files} />
    </section>
  );
}

function Status({ recording }: { recording: Recording }) {
  const { status, progress_percent: percent, problem } = recording;
  return (
    <>
      <p role="status" data-testid="session-status" data-status={status}>
        <strong>{statusWords(recording).text}.</strong> Started by {recording.started_by}
        {recording.started_at != null && `, ${whenText(recording.started_at)}`}.
      </p>
      {status === "finishing" && (
        <>
          <Text size="sm" mb="xs">
            The files are being made from what was recorded. This page shows them as soon as they are there.
          </Text>
          <Progress value={percent ?? 5} aria-label="How much is made" mb="md" />
        </>
      )}
      {problem != null && status !== "failed" && (
        <Trouble title={status === "finishing" ? "The files have to wait" : "Nothing is recorded now"} testId="recording-problem">
          {problem}
        </Trouble>
      )}
      {status === "failed" && (
        <>
          <Trouble title="The recording could not be made">{problem ?? "The server log says more."}</Trouble>
          <RetryButton recording={recording} />
        </>
      )}
    </>
  );
}

function Health({ recording }: { recording: Recording }) {
  const { health } = recording;
  if (health == null) return null;
  return (
    <section aria-labelledby={`health-${recording.id}`}>
      <h3 id={`health-${recording.id}`}>Health</h3>
      <dl className={classes.health} data-testid="health">
        {healthWords(health).map(({ name, words, good }) => (
          <div key={name} className={good ? classes.good : classes.bad}>
            <dt>{name}</dt>
            <dd>
              {good ? <CheckIcon size={16} /> : <WarningIcon size={16} />}
              {words}
            </dd>
          </div>
        ))}
      </dl>
      {health.gaps.length > 0 && <Gaps recording={recording} />}
    </section>
  );
}

/** More gaps than this are a list that nobody reads. */
const MOST_GAPS_SHOWN = 20;

function Gaps({ recording }: { recording: Recording }) {
  const gaps = recording.health?.gaps ?? [];
  const nameOf = (track: string) => recording.files.find((file) => file.track === track)?.name ?? track;
  return (
    <details className={classes.gaps}>
      <summary>Where the gaps are</summary>
      <ul>
        {gaps.slice(0, MOST_GAPS_SHOWN).map((gap) => (
          <li key={`${gap.track} ${gap.from_ms}`}>
            {nameOf(gap.track)}, {gap.track.split(":")[1]}: from {(gap.from_ms / 1000).toFixed(1)} s to {(gap.to_ms / 1000).toFixed(1)} s
          </li>
        ))}
      </ul>
      {gaps.length > MOST_GAPS_SHOWN && (
        <Text size="sm">
          And {gaps.length - MOST_GAPS_SHOWN} more: <Anchor href={recording.files.find(({ kind }) => kind === "manifest")?.url}>see the manifest</Anchor>.
        </Text>
      )}
    </details>
  );
}
