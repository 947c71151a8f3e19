import { useEffect, useState } from "react";
import { LevelMeter, Scope } from "@client";
import { MicrophoneIcon } from "../../ui/icons";
import classes from "./Preview.module.css";

interface LevelBarProps {
  track: MediaStreamTrack | null;
  muted: boolean;
}

/** How loud the microphone is now. */
export function LevelBar({ track, muted }: LevelBarProps) {
  const level = useLevel(track);
  const words = track === null ? "No microphone" : muted ? "Muted" : level > 0.1 ? "We hear you" : "Say something";
  return (
    <div className={classes.meter}>
      <MicrophoneIcon />
      <div
        className={classes.track}
        role="meter"
        aria-label="Microphone level"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(level * 100)}
        aria-valuetext={words}
        data-testid="preview-level"
      >
        <div className={classes.fill} style={{ transform: `scaleX(${muted ? 0 : level})` }} />
      </div>
      <span style={{ minWidth: 108, fontSize: 14 }}>{words}</span>
    </div>
  );
}

function useLevel(track: MediaStreamTrack | null): number {
  const [level, setLevel] = useState(0);
  useEffect(() => {
    if (track === null) return;
    const scope = new Scope();
    const meter = new LevelMeter(scope, track);
    scope.onEnd(meter.level.subscribe(() => setLevel(meter.level.get())));
    return () => {
      scope.end();
      setLevel(0);
    };
  }, [track]);
  return level;
}
